#include "app/command_line.h"

#include <cstdio>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/json_text.h"

namespace raglan::app {

void add_common_options(CLI::App& command, CommonOptions& options) {
  command.add_option("--config", options.config_file, "settings file (default: ./raglan.toml)");
  command.add_option("--data", options.data_folder, "data folder")->capture_default_str();
  command.add_option("--set", options.assignments, "one setting: section.key=value")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

bool load_settings(Settings& settings, const CommonOptions& options,
                   std::vector<config::Override> flags, Logging logging) {
  std::vector<std::string> problems;
  SettingSources sources{options.config_file, {}};
  for (const std::string& assignment : options.assignments) {
    auto parsed = config::parse_override(assignment);
    if (parsed) {
      sources.overrides.push_back(std::move(*parsed));
    } else {
      problems.push_back(parsed.error().text());
    }
  }
  for (config::Override& flag : flags) sources.overrides.push_back(std::move(flag));
  for (std::string& problem : settings.load(sources)) problems.push_back(std::move(problem));
  for (const std::string& problem : problems) fmt::print(stderr, "{}\n", problem);
  const LogLevel least = logging == Logging::kServer ? LogLevel::kDebug : LogLevel::kWarning;
  configure_log(std::max(settings.log.level, least), settings.log.format);
  return problems.empty();
}

int report_error(std::string_view command, const Error& error) {
  const std::string at = error.param.empty() ? "" : fmt::format(" (at {})", error.param);
  fmt::print(stderr, "raglan {}: {}{}\n", command, error.message, at);
  return kExitFailed;
}

void print_json(const boost::json::value& document) { fmt::print("{}\n", json_text(document)); }

} // namespace raglan::app
