// The provider stand-in as a program.
//
//   provider_stand_in [--port N] [--control-port N] [--SETTING VALUE]...
//
// e.g. --latency 20ms --fault hang; the settings are those of src/loadtest/provider_behaviour.h.
// Prints
//
//   listening on http://127.0.0.1:PORT
//   control on http://127.0.0.1:PORT
//
// and ends on SIGTERM.
#include <pthread.h>

#include <charconv>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "loadtest/provider_stand_in.h"

namespace {

using namespace raglan;

constexpr int kExitUsage = 64;

int complain(std::string_view message) {
  fmt::print(stderr, "provider_stand_in: {}\n", message);
  return kExitUsage;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end;
}

int run(int argc, char** argv) {
  loadtest::ProviderListen listen;
  std::vector<config::Override> settings;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (!flag.starts_with("--") || i + 1 == argc) return complain("--NAME VALUE, please");
    const std::string value = argv[i + 1];
    if (flag == "--port" || flag == "--control-port") {
      if (!read_port(value, flag == "--port" ? listen.port : listen.control_port)) {
        return complain("that is no port");
      }
    } else {
      settings.push_back({std::string(flag.substr(2)), value, std::string(flag)});
    }
  }
  auto behaviour = loadtest::with_settings({}, settings);
  if (!behaviour) return complain(behaviour.error().message);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto provider = loadtest::ProviderStandIn::start(listen, *behaviour);
  if (!provider) return complain(provider.error().message);
  fmt::print("listening on {}\ncontrol on {}\n", (*provider)->url(), (*provider)->control_url());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

} // namespace

int main(int argc, char** argv) { return run(argc, argv); }
