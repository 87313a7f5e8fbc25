// raglan config: what can be set, and what is.
#include "app/command_line.h"

namespace raglan::app {
namespace {

int show(const CommonOptions& options) {
  Settings settings;
  if (!load_settings(settings, options, {}, Logging::kCommand)) return kExitUsage;
  fmt::print("{}", settings.registry().show());
  return kExitDone;
}

int check(const CommonOptions& options) {
  Settings settings;
  if (!load_settings(settings, options, {}, Logging::kCommand)) return kExitUsage;
  fmt::print("the configuration is valid\n");
  return kExitDone;
}

int describe_all() {
  const Settings settings;
  fmt::print("{}", settings.registry().markdown());
  return kExitDone;
}

} // namespace

void add_config(CLI::App& program, Run& run) {
  auto options = std::make_shared<CommonOptions>();
  CLI::App* command = program.add_subcommand("config", "what can be set, and what is");
  command->require_subcommand(1);
  CLI::App* showing =
      command->add_subcommand("show", "every setting as TOML, and where its value comes from");
  add_common_options(*showing, *options);
  showing->callback([options, &run] { run = [options] { return show(*options); }; });
  CLI::App* checking =
      command->add_subcommand("check", "reads the settings and says what is wrong");
  add_common_options(*checking, *options);
  checking->callback([options, &run] { run = [options] { return check(*options); }; });
  command->add_subcommand("describe", "the reference of all settings, as Markdown")
      ->callback([&run] { run = describe_all; });
}

} // namespace raglan::app
