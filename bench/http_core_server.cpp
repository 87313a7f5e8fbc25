// The HTTP core alone, for bench/http_core.py: answers every GET with the same JSON body.
//
//   http_core_server [BODY_BYTES] [LOOPS]      prints "listening on http://HOST:PORT"; ends on
//   SIGTERM
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/deadline.h"
#include "http/server.h"

namespace {

using namespace raglan;

net::Task<http::Response> answer(const std::string& body) {
  co_return http::json_response(200, body);
}

} // namespace

int main(int argc, char** argv) {
  const std::size_t body_bytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1024;
  const std::size_t threads = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);

  const std::string wrapper = R"({"text":""})";
  const std::string body = R"({"text":")" +
                           std::string(body_bytes - std::min(body_bytes, wrapper.size()), 'x') +
                           R"("})";
  net::EventLoops loops({.threads = threads});
  loops.start();
  http::Server server({}, loops, [&body](http::Request&) { return answer(body); });
  auto listener = net::Listener::open({});
  if (!listener) {
    fmt::print(stderr, "{}\n", listener.error().message);
    return 1;
  }
  if (!server.listen(std::move(*listener))) return 1;
  fmt::print("listening on http://127.0.0.1:{}\n", server.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  const auto deadline = Deadline::after(std::chrono::seconds(10), SystemClock::instance().now());
  return server.drain(deadline) ? 0 : 1;
}
