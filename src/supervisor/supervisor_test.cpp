#include "supervisor/supervisor.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "supervisor/reserved_port.h"

namespace raglan::supervisor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// GET /health answers 503 as often as the first argument says, then 200.
constexpr std::string_view kServer = R"(
import http.server, socket, sys
failures = int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global failures
        failures -= 1
        self.send_response(503 if failures >= 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments): pass
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
print("serving", flush=True)
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
)";

class SupervisorTest : public testing::Test {
 protected:
  ChildSpec server(int failures = 0) {
    ChildSpec spec = program(
        "/usr/bin/python3",
        {"-c", std::string(kServer), std::to_string(port_.number()), std::to_string(failures)});
    return spec;
  }
  ChildSpec program(const std::string& path, std::vector<std::string> arguments) {
    ChildSpec spec;
    spec.name = "child";
    spec.command = {.program = path, .arguments = std::move(arguments)};
    spec.health_url = "http://127.0.0.1:" + std::to_string(port_.number()) + "/health";
    spec.restart.backoff = {.base_backoff = 1ms, .max_backoff = 5ms};
    spec.startup_probe_interval = 10ms;
    spec.probe_interval = 10ms;
    spec.probe_timeout = 5s;
    spec.stop_grace = 100ms;
    return spec;
  }

  ChildStatus status() { return *supervisor_.status("child"); }
  Result<> ready() { return supervisor_.wait_until_ready("child", 60s); }
  // Of another process than `before`, once that is ready.
  ChildStatus successor_of(pid_t before) {
    const auto ready = supervisor_.wait_until(
        "child",
        [before](const ChildStatus& now) {
          return now.state == ChildState::kReady && now.pid != before;
        },
        60s);
    EXPECT_TRUE(ready.has_value());
    return ready.value_or(ChildStatus{});
  }
  bool metrics_say(const std::string& line) { return metrics_.text().find(line) != line.npos; }

  ReservedPort port_ = *ReservedPort::reserve();
  TemporaryFolder folder_ = *TemporaryFolder::make("raglan-supervisor-");
  telemetry::MetricRegistry metrics_;
  Supervisor supervisor_{metrics_};
};

TEST_F(SupervisorTest, IsReadyOnceItsHealthAnswers) {
  ASSERT_TRUE(supervisor_.start(server()));
  ASSERT_TRUE(ready());
  EXPECT_EQ(status().state, ChildState::kReady);
  EXPECT_GT(status().pid, 0);
  EXPECT_TRUE(metrics_say("raglan_child_ready{child=\"child\"} 1\n"));
}

// Many more failures than would kill it later.
TEST_F(SupervisorTest, ASlowStartIsNotKilled) {
  ASSERT_TRUE(supervisor_.start(server(10)));
  ASSERT_TRUE(ready());
  EXPECT_EQ(status().starts, 1U);
}

TEST_F(SupervisorTest, AStartThatTakesTooLongIs) {
  ChildSpec spec = server(1'000'000);
  spec.restart.startup_timeout = 200ms;
  spec.restart.max_restarts = 1;
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  const auto waited = ready();
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.error().message, HasSubstr("given up: it was not ready in time"));
  EXPECT_EQ(status().starts, 2U);
  EXPECT_TRUE(metrics_say("raglan_child_ends_total{child=\"child\",reason=\"slow_start\"} 2\n"));
}

TEST_F(SupervisorTest, WhatDiesIsStartedAgain) {
  ASSERT_TRUE(supervisor_.start(server()));
  ASSERT_TRUE(ready());
  const pid_t first = status().pid;
  ::kill(first, SIGKILL);
  EXPECT_EQ(successor_of(first).last_end, "signal 9");
  EXPECT_TRUE(metrics_say("raglan_child_ends_total{child=\"child\",reason=\"exited\"} 1\n"));
}

TEST_F(SupervisorTest, WhatHangsIsKilledAndStartedAgain) {
  ChildSpec spec = server();
  spec.probe_timeout = 200ms;
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  ASSERT_TRUE(ready());
  const pid_t first = status().pid;
  ::kill(first, SIGSTOP);
  EXPECT_EQ(successor_of(first).last_end,
            "it did not answer: signal 9"); // what is stopped takes no SIGTERM
  EXPECT_TRUE(metrics_say("raglan_child_ends_total{child=\"child\",reason=\"unhealthy\"} 1\n"));
}

TEST_F(SupervisorTest, ACrashLoopIsGivenUp) {
  ChildSpec spec = program("/bin/sh", {"-c", "exit 7"});
  spec.restart.max_restarts = 3;
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  const auto waited = ready();
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(waited.error().message, "child is given up: exit code 7");
  EXPECT_EQ(status().starts, 4U);
}

TEST_F(SupervisorTest, AProgramThatIsNotThereIsGivenUp) {
  ChildSpec spec = program("/no/such/program", {});
  spec.restart.max_restarts = 1;
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  EXPECT_THAT(ready().error().message, HasSubstr("it cannot be run"));
  EXPECT_TRUE(metrics_say("raglan_child_ends_total{child=\"child\",reason=\"not_started\"} 2\n"));
}

TEST_F(SupervisorTest, StopEndsEveryChild) {
  ASSERT_TRUE(supervisor_.start(server()));
  ChildSpec stubborn = program("/bin/sh", {"-c", "trap '' TERM; while :; do sleep 0.1; done"});
  stubborn.name = "stubborn";
  ASSERT_TRUE(supervisor_.start(std::move(stubborn)));
  ASSERT_TRUE(ready());
  const pid_t pid = status().pid;
  supervisor_.stop();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(status().state, ChildState::kStopped);
  EXPECT_EQ(supervisor_.status("stubborn")->state, ChildState::kStopped);
  EXPECT_EQ(supervisor_.start(server()).error().code, ErrorCode::kDraining);
  supervisor_.stop(); // once more
}

TEST_F(SupervisorTest, StopEndsABackoff) {
  ChildSpec spec = program("/bin/sh", {"-c", "exit 1"});
  spec.restart.backoff = {.base_backoff = 1h, .max_backoff = 1h};
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  supervisor_.stop();
  EXPECT_EQ(status().state, ChildState::kStopped);
}

TEST_F(SupervisorTest, NamesAreUnique) {
  ASSERT_TRUE(supervisor_.start(server()));
  EXPECT_EQ(supervisor_.start(server()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(supervisor_.status("nobody").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(supervisor_.wait_until_ready("nobody", 1s).error().code, ErrorCode::kNotFound);
}

TEST_F(SupervisorTest, ItsOutputIsInItsFile) {
  ChildSpec spec = program("/bin/sh", {"-c", "echo out; echo err >&2; exit 1"});
  spec.restart.max_restarts = 0;
  spec.output_file = folder_.path() / "child.log";
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  EXPECT_FALSE(ready());
  std::ifstream file(folder_.path() / "child.log");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_THAT(lines, ElementsAre("out", "err"));
}

TEST_F(SupervisorTest, WithoutAFileItsOutputIsInTheLog) {
  ChildSpec spec = program("/bin/sh", {"-c", "echo first; printf last; exit 1"});
  spec.restart.max_restarts = 0;
  ASSERT_TRUE(supervisor_.start(std::move(spec)));
  testing::internal::CaptureStderr();
  EXPECT_FALSE(ready());
  supervisor_.stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("line=first"));
  EXPECT_THAT(log, HasSubstr("line=last"));
}

} // namespace
} // namespace raglan::supervisor
