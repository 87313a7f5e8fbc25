// raglan version: what was built, and with what.
#include <sqlite3.h>

#include <openvino/core/version.hpp>

#include "app/command_line.h"

namespace raglan::app {

void add_version(CLI::App& program, Run& run) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command =
      program.add_subcommand("version", "the versions of the program and its parts");
  command->add_flag("--json", *as_json, "one JSON document");
  command->callback([as_json, &run] {
    run = [as_json] {
      const std::string runtime = ov::get_openvino_version().buildNumber;
      if (*as_json) {
        print_json({{"version", RAGLAN_VERSION},
                    {"compiler", __VERSION__},
                    {"openvino", runtime},
                    {"sqlite", sqlite3_libversion()}});
      } else {
        fmt::print("raglan {}\n  compiler {}\n  OpenVINO {}\n  SQLite {}\n", RAGLAN_VERSION,
                   __VERSION__, runtime, sqlite3_libversion());
      }
      return kExitDone;
    };
  });
}

} // namespace raglan::app
