// One server for all tests of a suite, and ways to ask it.
#pragma once

#include <thread>

#include "base/guarded.h"
#include "net/loop_fixture_test.h"
#include "postgres/pool.h"
#include "real_server.h"

namespace raglan::postgres {

using namespace std::chrono_literals;

class PostgresTest : public net::LoopTest {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<RealServer>(); }
  static void TearDownTestSuite() { server.reset(); }

  Target target(const std::string& url) {
    auto submit = [this](std::function<void()> work) { background_.try_submit(std::move(work)); };
    return {*parse_url(url), resolver_, clock(), submit};
  }
  static const Clock& clock() { return SystemClock::instance(); }
  static Deadline within(Duration patience = 20s) {
    return Deadline::after(patience, clock().now());
  }

  ~PostgresTest() override {
    resolver_.stop();
    background_.stop();
    loops_.stop();
  }

  static inline std::unique_ptr<RealServer> server;
  net::Resolver resolver_;
  runtime::Executor background_{{.name = "background"}};
};

} // namespace raglan::postgres
