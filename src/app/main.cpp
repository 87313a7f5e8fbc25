// The program: finds the subcommand and runs it.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <csignal>
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "app/command_line.h"

namespace {

int run_program(int argc, char** argv) {
  using namespace raglan::app;
  CLI::App program(
      "Raglan, a RAG server: documents go in, cited answers come out.\n"
      "  raglan ingest FOLDER          read documents\n"
      "  raglan ask \"a question\"       answer from them, with citations\n"
      "  raglan serve                  the same over HTTP",
      "raglan");
  program.require_subcommand(1);
  Run run;
  for (auto* add : {add_serve, add_balance, add_export, add_ingest, add_ask, add_warm, add_keys,
                    add_migrate, add_eval, add_prove, add_doctor, add_config, add_version}) {
    add(program, run);
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? kExitDone : kExitUsage; // --help is an "error" with code 0
  }
  return run();
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // a closed socket or pipe is an error of the write
  try {
    return run_program(argc, argv);
  } catch (const std::exception& error) { // out of memory, at worst
    fmt::print(stderr, "raglan: {}\n", error.what());
    return raglan::app::kExitFailed;
  }
}
