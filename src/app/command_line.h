// What the subcommands share: options, exit codes, and how settings are read for them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <boost/json/value.hpp>

#include "app/settings.h"
#include "base/result.h"

namespace raglan::app {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitMissed = 2; // a threshold (quality, SLO)
inline constexpr int kExitUsage = 64;

// --config, --data and --set, of every command that reads settings.
struct CommonOptions {
  std::string config_file;
  std::string data_folder = "raglan-data";
  std::vector<std::string> assignments; // "section.key=value"
};
void add_common_options(CLI::App& command, CommonOptions& options);

// Reads the settings, and sets the log up: a server logs at its configured level, a command that a
// person waits for only warnings. Prints every problem to stderr; false: exit with kExitUsage.
enum class Logging { kServer, kCommand };
bool load_settings(Settings& settings, const CommonOptions& options,
                   std::vector<config::Override> flags, Logging logging);

// Prints "raglan COMMAND: message" to stderr and gives kExitFailed.
int report_error(std::string_view command, const Error& error);

// Exactly one JSON document on stdout.
void print_json(const boost::json::value& document);

// A subcommand: adds its options to `program` and, when it is the one that was called, sets `run`.
using Run = std::function<int()>;
void add_serve(CLI::App& program, Run& run);
void add_balance(CLI::App& program, Run& run);
void add_export(CLI::App& program, Run& run);
void add_ingest(CLI::App& program, Run& run);
void add_ask(CLI::App& program, Run& run);
void add_warm(CLI::App& program, Run& run);
void add_keys(CLI::App& program, Run& run);
void add_migrate(CLI::App& program, Run& run);
void add_eval(CLI::App& program, Run& run);
void add_prove(CLI::App& program, Run& run);
void add_doctor(CLI::App& program, Run& run);
void add_config(CLI::App& program, Run& run);
void add_version(CLI::App& program, Run& run);

} // namespace raglan::app
