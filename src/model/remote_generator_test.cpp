#include "model/remote_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"
#include "http/sse.h"
#include "net/loop_fixture_test.h"
#include "net/pause.h"

namespace raglan::model {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPrivate = "private-text-of-the-provider";
constexpr std::string_view kEnd = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],)"
                                  R"("usage":{"prompt_tokens":7,"completion_tokens":2}})";

// What the provider does with one call. Without a plan it writes "one two".
struct Planned {
  int status = 200;
  http::Headers headers;
  bool hangs = false;   // before the head
  bool cut_off = false; // after the first piece
  bool garbled = false;
};

class RemoteGeneratorTest : public net::LoopTest {
 protected:
  RemoteGeneratorTest() {
    server_loops_.start();
    router_.add("POST", "/v1/chat/completions",
                [this](http::Request& request) { return answer(request); });
    server_.emplace(http::ServerConfig(), server_loops_, router_.handler());
    auto listener = net::Listener::open({});
    EXPECT_TRUE(listener && server_->listen(std::move(*listener)));
    config_.base_url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/v1/";
    config_.model = "a-model";
    policies_.backoff = {.base_backoff = 1ms, .max_backoff = 1ms};
  }
  ~RemoteGeneratorTest() override {
    generator_.reset();
    server_.reset();
    server_loops_.stop();
  }

  net::Task<http::Response> answer(http::Request& request) {
    const Planned planned = plans_.with([&](auto& plans) {
      if (plans.empty()) return Planned();
      Planned next = plans.front();
      plans.erase(plans.begin());
      return next;
    });
    ++calls_;
    key_.with([&](auto& key) { key = request.headers.get("authorization"); });
    if (planned.hangs) (void)co_await net::pause(std::chrono::hours(1));
    http::Response response;
    response.status = planned.status;
    response.headers = planned.headers;
    if (planned.status != 200) {
      response.body = kPrivate;
      co_return response;
    }
    response.headers.set("content-type", http::kEventStreamType);
    response.stream = [planned](http::StreamWriter& out) -> net::Task<Result<>> {
      const std::string_view text =
          planned.garbled ? kPrivate : R"({"choices":[{"delta":{"content":"one "}}]})";
      if (auto ok = co_await out.write(http::format_event("", text)); !ok) co_return ok;
      if (planned.cut_off) co_return fail(ErrorCode::kUpstream, "as planned");
      const std::string rest =
          http::format_event("", R"({"choices":[{"delta":{"content":"two"}}]})") +
          http::format_event("", kEnd) + http::format_event("", "[DONE]");
      co_return co_await out.write(rest);
    };
    co_return response;
  }

  RemoteGenerator& generator() {
    if (!generator_) {
      auto observe = [this](std::string_view code, Duration) {
        codes_.with([&](auto& codes) { codes.emplace_back(code); });
      };
      auto count = [this](const GenerationUsage& usage) {
        tokens_ += static_cast<int>(usage.prompt_tokens + 10 * usage.completion_tokens);
      };
      const RemoteGenerator::Observer observer{observe, count};
      generator_ = std::make_unique<RemoteGenerator>(config_, policies_, loops_, observer);
    }
    return *generator_;
  }

  void plan(const Planned& planned, int times = 1) {
    plans_.with([&](auto& plans) { plans.insert(plans.end(), times, planned); });
  }
  net::Running<Generation> begin() {
    GenerationRequest request{.messages = {{ChatRole::kUser, "Hi"}}, .max_tokens = 10};
    request.deadline = Deadline::after(time_, SystemClock::instance().now());
    Generator::OnText on_text = [this](std::string_view text) {
      shown_.with([&](auto& shown) { shown += text; });
    };
    return start(generator().generate(std::move(request), std::move(on_text)));
  }
  Error error() {
    auto made = begin().get();
    if (made) return {ErrorCode::kInternal, "no error", ""};
    EXPECT_THAT(made.error().message, Not(HasSubstr(kPrivate)));
    EXPECT_THAT(made.error().message, Not(HasSubstr("127.0.0.1")));
    return made.error();
  }
  ErrorCode code() { return error().code; }
  policy::BreakerState breaker() { return generator().breaker_status().state; }
  std::string shown() {
    return shown_.with([](auto& shown) { return shown; });
  }

  net::EventLoops server_loops_{{.threads = 1}};
  http::Router router_;
  std::optional<http::Server> server_;
  RemoteGeneratorConfig config_;
  ProviderPolicies policies_;
  std::unique_ptr<RemoteGenerator> generator_;
  Duration time_ = 20s;
  std::atomic<int> calls_ = 0;
  std::atomic<int> tokens_ = 0; // read, and ten times those written
  Guarded<std::vector<Planned>> plans_;
  Guarded<std::vector<std::string>> codes_;
  Guarded<std::string> key_;
  Guarded<std::string> shown_;
};

TEST_F(RemoteGeneratorTest, WritesPieceByPieceAndSendsItsKey) {
  config_.api_key = config::Secret("sesame");
  auto made = begin().get();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->text, "one two");
  EXPECT_EQ(shown(), "one two");
  EXPECT_EQ(key_.with([](auto& key) { return key; }), "Bearer sesame");
  EXPECT_THAT(codes_.with([](auto& codes) { return codes; }), ElementsAre("200"));
  EXPECT_EQ(tokens_, 7 + 10 * 2);
  ASSERT_TRUE(begin().get());
  EXPECT_EQ(generator().client_stats().opened, 1U); // kept alive
}

TEST_F(RemoteGeneratorTest, FailuresBeforeTheFirstTextAreTriedAgain) {
  plan({.status = 500});
  plan({.garbled = true});
  EXPECT_EQ(begin().get()->text, "one two");
  EXPECT_EQ(calls_, 3);
  plan({.status = 500}, RemoteGenerator::kMaxAttempts);
  EXPECT_EQ(code(), ErrorCode::kUpstream);
  EXPECT_EQ(calls_, 3 + RemoteGenerator::kMaxAttempts);
}

TEST_F(RemoteGeneratorTest, AfterTheFirstTextNothingIsAskedAgain) {
  plan({.cut_off = true});
  EXPECT_EQ(code(), ErrorCode::kUpstream);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(shown(), "one ");
}

TEST_F(RemoteGeneratorTest, RefusalsAreNotTriedAgainAndOpenNoBreaker) {
  policies_.breaker.failure_threshold = 1;
  for (const auto& [status, expected] :
       {std::pair(400, ErrorCode::kInvalidField), std::pair(401, ErrorCode::kUnavailable),
        std::pair(404, ErrorCode::kUnavailable), std::pair(422, ErrorCode::kInvalidField)}) {
    plan({.status = status});
    EXPECT_EQ(code(), expected) << status;
  }
  EXPECT_EQ(calls_, 4);
  EXPECT_EQ(breaker(), policy::BreakerState::kClosed);
  EXPECT_FALSE(generator().check()); // no such model, it said
  ASSERT_TRUE(begin().get());
  EXPECT_TRUE(generator().check());
}

TEST_F(RemoteGeneratorTest, TheFifthFailureOpensTheBreakerAndNothingIsAskedThen) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  plan({.status = 500}, 5);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(code(), ErrorCode::kUpstream);
  EXPECT_EQ(breaker(), policy::BreakerState::kClosed);
  EXPECT_EQ(code(), ErrorCode::kUpstream);
  EXPECT_EQ(breaker(), policy::BreakerState::kOpen);
  EXPECT_FALSE(generator().check());
  EXPECT_EQ(code(), ErrorCode::kUnavailable);
  EXPECT_EQ(calls_, 5);
}

TEST_F(RemoteGeneratorTest, ThrottlingHoldsBackUntilItsTimeOrEndsAtOnceWhenThatIsTooLate) {
  policies_.breaker.failure_threshold = 1;
  Planned throttled{.status = 429};
  throttled.headers.set("retry-after", "600");
  plan(throttled);
  EXPECT_EQ(code(), ErrorCode::kOverloaded);
  EXPECT_EQ(code(), ErrorCode::kOverloaded); // not asked: it is known
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(breaker(), policy::BreakerState::kClosed);
}

TEST_F(RemoteGeneratorTest, AProviderThatDoesNotAnswerInTimeIsAFailure) {
  config_.stall_timeout = 50ms;
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  policies_.breaker.failure_threshold = 1;
  plan({.hangs = true});
  EXPECT_EQ(code(), ErrorCode::kUnavailable);
  EXPECT_EQ(breaker(), policy::BreakerState::kOpen);
}

TEST_F(RemoteGeneratorTest, TheRequestsOwnDeadlineSaysNothingAboutTheProvider) {
  time_ = 50ms;
  policies_.breaker.failure_threshold = 1;
  plan({.hangs = true});
  EXPECT_EQ(code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(breaker(), policy::BreakerState::kClosed);
}

TEST_F(RemoteGeneratorTest, ACancelledCallClosesItsConnectionAndSaysNothingAboutTheProvider) {
  policies_.breaker.failure_threshold = 1;
  plan({.hangs = true});
  auto running = begin();
  while (calls_ < 1) std::this_thread::yield();
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  EXPECT_EQ(breaker(), policy::BreakerState::kClosed);
  EXPECT_EQ(generator().client_stats().open, 0U);
}

TEST_F(RemoteGeneratorTest, TheSameNameAtAnotherAddressIsAnotherModel) {
  const std::string here(generator().id());
  generator_.reset();
  config_.base_url = "https://elsewhere/v1";
  EXPECT_NE(generator().id(), here);
  EXPECT_TRUE(here.starts_with("a-model:"));
}

} // namespace
} // namespace raglan::model
