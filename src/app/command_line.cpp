#include "app/command_line.h"

#include <cstdio>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/control_characters.h"
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
  fmt::print(stderr, "raglan {}: {}\n", command, blank_control_characters(explain(error) + at));
  return kExitFailed;
}

// Serialized JSON has controls of C0 escaped already. The others may stand in it, but it may also
// be printed to a terminal.
void print_json(const boost::json::value& document) {
  const std::string text = json_text(document);
  std::string safe;
  safe.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size_bytes = control_character_bytes(std::string_view(text).substr(at));
    if (size_bytes == 0 || text[at] == '\n') {
      safe += text[at++];
    } else {
      at += size_bytes;
      safe += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[at - 1]));
    }
  }
  safe += '\n';
  std::fwrite(safe.data(), 1, safe.size(), stdout);
}

} // namespace raglan::app
