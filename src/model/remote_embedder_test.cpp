#include "model/remote_embedder.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/json_text.h"
#include "http/server.h"
#include "model/openai_embeddings.h"
#include "net/completion.h"

namespace raglan::model {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPrivate = "private-text-of-the-provider";

// What the provider does with one call. Without a plan it answers: a text of n bytes gets {n, 1}.
struct Planned {
  int status = 200;
  http::Headers headers;
  std::string body; // empty: vectors
  bool hangs = false;
};

class RemoteEmbedderTest : public testing::Test {
 protected:
  RemoteEmbedderTest() {
    loops_.start();
    router_.add("POST", "/v1/embeddings",
                [this](http::Request& request) { return answer(request); });
    server_.emplace(http::ServerConfig(), loops_, router_.handler());
    auto listener = net::Listener::open({});
    EXPECT_TRUE(listener && server_->listen(std::move(*listener)));
    config_.base_url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/v1/";
    config_.dimensions = 2;
    policies_.backoff = {.base_backoff = 1ms, .max_backoff = 1ms};
  }
  ~RemoteEmbedderTest() override {
    if (embedder_) embedder_->interrupt();
    held_.with([](auto& held) { held.clear(); });
    server_.reset();
    loops_.stop();
  }

  void connect() {
    auto connected = RemoteEmbedder::connect(
        "a-model", config_, policies_,
        [this](std::string_view code, Duration) {
          codes_.with([&](auto& codes) { codes.emplace_back(code); });
        },
        clock_);
    ASSERT_TRUE(connected) << connected.error().message;
    embedder_ = std::move(*connected);
  }

  void plan(const Planned& planned, int times = 1) {
    plans_.with([&](auto& plans) { plans.insert(plans.end(), times, planned); });
  }
  // An error's body says what no client may read.
  void plan_status(int status, int times = 1, const http::Headers& headers = {}) {
    plan({.status = status, .headers = headers, .body = std::string(kPrivate)}, times);
  }

  Result<Embeddings> embed(const std::vector<std::string_view>& texts,
                           EmbeddingPriority priority = EmbeddingPriority::kQuery) {
    return embedder_->embed(texts, {Deadline::after(time_, clock_.now()), priority});
  }
  Error error_of(const std::vector<std::string_view>& texts = {"text"}) {
    auto made = embed(texts);
    if (made) return {ErrorCode::kInternal, "no error", ""};
    EXPECT_THAT(made.error().message, Not(HasSubstr(kPrivate)));
    EXPECT_THAT(made.error().message, Not(HasSubstr("127.0.0.1")));
    return made.error();
  }

  std::size_t calls() const {
    return requests_.with([](const auto& requests) { return requests.size(); });
  }
  json::value request(std::size_t n) const {
    return requests_.with([&](const auto& requests) { return json::parse(requests.at(n)); });
  }
  std::vector<std::string> codes() const {
    return codes_.with([](const auto& codes) { return codes; });
  }
  void await_calls(std::size_t count) {
    while (calls() < count) std::this_thread::yield();
  }

  net::Task<http::Response> answer(http::Request& request) {
    requests_.with([&](auto& requests) { requests.push_back(request.body); });
    authorization_.with([&](auto& last) { last = request.headers.get("authorization"); });
    const Planned planned = plans_.with([](auto& plans) {
      if (plans.empty()) return Planned();
      Planned next = std::move(plans.front());
      plans.erase(plans.begin());
      return next;
    });
    if (planned.hangs) {
      auto hold = [this](net::Completion<int> done) {
        held_.with([&](auto& held) { held.push_back(std::move(done)); });
      };
      (void)co_await net::await_completion<int>(std::move(hold));
    }
    http::Response response;
    response.status = planned.status;
    response.headers = planned.headers;
    response.body = planned.body.empty() ? vectors_for(request.body) : planned.body;
    co_return response;
  }

  static std::string vectors_for(const std::string& body) {
    Embeddings made{2, {}, 0};
    for (const json::value& text : json::parse(body).at("input").as_array()) {
      made.values.push_back(static_cast<float>(text.as_string().size()));
      made.values.push_back(1);
      made.tokens += 10;
    }
    return json_text(embeddings_reply(made, "a-model", true));
  }

  ManualClock clock_;
  Duration time_ = 1h; // that calls have
  RemoteEmbedderConfig config_;
  ProviderPolicies policies_;
  Guarded<std::vector<Planned>> plans_;
  Guarded<std::vector<std::string>> requests_;
  Guarded<std::string> authorization_;
  Guarded<std::vector<std::string>> codes_;
  Guarded<std::vector<net::Completion<int>>> held_;
  net::EventLoops loops_{{.threads = 1}};
  http::Router router_;
  std::optional<http::Server> server_;
  std::unique_ptr<RemoteEmbedder> embedder_;
};

TEST_F(RemoteEmbedderTest, AsksForAllTextsAtOnceAndMetersWhatTheProviderSays) {
  config_.api_key = config::Secret("sesame");
  connect();
  const auto made = embed({"", "1234"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->rows(), 2u);
  EXPECT_EQ(made->values[0], 0);
  EXPECT_NEAR(made->values[2], 4 / std::sqrt(17.0), 1e-6); // of length 1
  EXPECT_EQ(made->tokens, 20u);
  EXPECT_EQ(request(0), json::parse(R"({"model":"a-model","encoding_format":"base64",
                                        "dimensions":2,"input":["","1234"]})"));
  EXPECT_EQ(authorization_.with([](auto& last) { return last; }), "Bearer sesame");
  EXPECT_EQ(codes(), std::vector<std::string>{"200"});
}

TEST_F(RemoteEmbedderTest, LearnsTheDimensionByACallAtTheStart) {
  config_.dimensions = 0;
  connect();
  EXPECT_EQ(embedder_->dimension(), 2u);
  EXPECT_EQ(calls(), 1u);
  EXPECT_FALSE(request(0).as_object().contains("dimensions"));
  EXPECT_EQ(authorization_.with([](auto& last) { return last; }), "");
}

TEST_F(RemoteEmbedderTest, WithoutAProviderTheDimensionCannotBeLearned) {
  config_.dimensions = 0;
  plan_status(401);
  const auto connected = RemoteEmbedder::connect("a-model", config_, policies_, {}, clock_);
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("embedding.dimensions"));
}

TEST_F(RemoteEmbedderTest, ItsIdChangesWithAddressModelAndDimensions) {
  const auto id = [](const char* model, const char* url, std::size_t dimensions) {
    RemoteEmbedderConfig config;
    config.base_url = url;
    config.dimensions = dimensions;
    config.api_key = config::Secret("sesame");
    return std::string((*RemoteEmbedder::connect(model, config, {}))->id());
  };
  const std::string first = id("org:m", "https://host/v1", 8);
  EXPECT_THAT(first, testing::StartsWith("org:m:"));
  EXPECT_EQ(first, id("org:m", "http://host/v1/", 8));
  EXPECT_NE(first, id("org:n", "https://host/v1", 8));
  EXPECT_NE(first, id("org:m", "https://other/v1", 8));
  EXPECT_NE(first, id("org:m", "https://host/v2", 8));
  EXPECT_NE(first, id("org:m", "https://host/v1", 9));
}

TEST_F(RemoteEmbedderTest, MoreThanOneCallTakesAreSeveralCalls) {
  config_.max_batch_texts = 2;
  config_.max_batch_tokens = 4;
  connect();
  const auto made = embed({"a", "b", "c", "12345678", "123456789", "d"});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->rows(), 6u);
  EXPECT_EQ(made->tokens, 60u);
  ASSERT_EQ(calls(), 3u);
  EXPECT_EQ(request(1).at("input"), json::parse(R"(["c","12345678"])"));
}

TEST_F(RemoteEmbedderTest, ALongTextIsCut) {
  config_.max_text_tokens = 16;
  connect();
  ASSERT_TRUE(embed({std::string(1000, 'x')}));
  EXPECT_EQ(request(0).at_pointer("/input/0").as_string(), std::string(64, 'x'));
}

TEST_F(RemoteEmbedderTest, FailuresOfTheProviderAreTriedAgain) {
  connect();
  plan_status(500);
  plan_status(502);
  EXPECT_TRUE(embed({"text"}));
  EXPECT_EQ(codes(), (std::vector<std::string>{"500", "502", "200"}));
  EXPECT_EQ(embedder_->breaker_status().consecutive_failures, 0u);
}

TEST_F(RemoteEmbedderTest, AWrongAnswerIsAFailureToo) {
  connect();
  plan({.body = "<html>"});
  EXPECT_TRUE(embed({"text"}));
  EXPECT_EQ(calls(), 2u);
}

TEST_F(RemoteEmbedderTest, WhatGoesOnFailingOpensTheBreaker) {
  connect();
  plan_status(500, 100);
  EXPECT_THAT(error_of().message, HasSubstr("status 500")); // the breaker ends the attempts
  EXPECT_EQ(calls(), 5u);
  EXPECT_FALSE(embedder_->check(Deadline()));
  EXPECT_THAT(error_of().message, HasSubstr("left alone"));
  EXPECT_EQ(calls(), 5u);
  clock_.advance(60s);
  plans_.with([](auto& plans) { plans.clear(); });
  EXPECT_TRUE(embed({"text"}));
  EXPECT_TRUE(embedder_->check(Deadline()));
}

TEST_F(RemoteEmbedderTest, IsNotTriedAgainWhenAnotherCallCouldNotEndInTime) {
  connect();
  time_ = config_.timeout;
  plan_status(500);
  EXPECT_EQ(error_of().code, ErrorCode::kUpstream);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(RemoteEmbedderTest, IsNotTriedAgainWhenTheBudgetIsSpent) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  connect();
  plan_status(500);
  EXPECT_EQ(error_of().message, "the embedding provider answered with status 500");
  EXPECT_EQ(calls(), 1u);
}

TEST_F(RemoteEmbedderTest, RefusalsAreClearAndFinal) {
  connect();
  const std::tuple<int, ErrorCode, const char*> refusals[] = {
      {400, ErrorCode::kInvalidField, "status 400"},
      {413, ErrorCode::kInvalidField, "status 413"},
      {422, ErrorCode::kInvalidField, "status 422"},
      {401, ErrorCode::kUnavailable, "refused the API key"},
      {403, ErrorCode::kUnavailable, "refused the API key"},
      {404, ErrorCode::kUnavailable, "no such model or address"},
      {302, ErrorCode::kUpstream, "status 302"},
      {418, ErrorCode::kUpstream, "status 418"}};
  for (const auto& [status, code, says] : refusals) {
    const std::size_t before = calls();
    plan_status(status);
    const Error error = error_of();
    EXPECT_EQ(error.code, code) << status;
    EXPECT_THAT(error.message, HasSubstr(says));
    EXPECT_EQ(calls(), before + 1) << status;
  }
  EXPECT_EQ(embedder_->breaker_status().consecutive_failures, 0u);
}

TEST_F(RemoteEmbedderTest, IsNotWellWhileItsKeyOrModelIsRefused) {
  connect();
  EXPECT_TRUE(embedder_->check({}));
  for (const int status : {401, 403, 404}) {
    plan_status(status);
    ASSERT_FALSE(embed({"text"}));
    const auto ill = embedder_->check({});
    ASSERT_FALSE(ill) << status;
    EXPECT_THAT(ill.error().message, HasSubstr(std::to_string(status)));
    plan_status(422); // says something about a text alone
    ASSERT_FALSE(embed({"text"}));
    EXPECT_FALSE(embedder_->check({}));
    ASSERT_TRUE(embed({"text"}));
    EXPECT_TRUE(embedder_->check({}));
  }
}

TEST_F(RemoteEmbedderTest, AThrottledCallComesBackWhenItWasToldTo) {
  connect();
  plan_status(429, 1, {{"retry-after-ms", "30"}});
  auto made = std::async(std::launch::async, [&] { return embed({"text"}); });
  await_calls(1);
  while (made.wait_for(1ms) != std::future_status::ready) clock_.advance(10ms);
  EXPECT_TRUE(made.get());
  EXPECT_EQ(codes(), (std::vector<std::string>{"429", "200"}));
  EXPECT_EQ(embedder_->breaker_status().consecutive_failures, 0u);
}

TEST_F(RemoteEmbedderTest, WhoCannotWaitIsRefusedAtOnceAndSoAreOthersMeanwhile) {
  connect();
  time_ = 20s;
  plan_status(429, 1, {{"retry-after", "30"}});
  EXPECT_EQ(error_of().code, ErrorCode::kOverloaded);
  EXPECT_EQ(error_of().code, ErrorCode::kOverloaded);
  EXPECT_EQ(calls(), 1u);
  clock_.advance(40s);
  EXPECT_TRUE(embed({"text"}));
}

TEST_F(RemoteEmbedderTest, AQuestionGoesBeforeWhatIsIngestedWhenTheQuotaIsScarce) {
  policies_.quota.requests_per_minute = 60; // nearly six at once, then one each second
  policies_.quota.max_lead = 3s;
  connect();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(embed({"at once"}));
  std::vector<std::jthread> ingest;
  for (int i = 0; i < 3; ++i) {
    ingest.emplace_back([this] { (void)embed({"a document"}, EmbeddingPriority::kIngest); });
  }
  auto made = std::async(std::launch::async, [&] { return embed({"a question"}); });
  while (made.wait_for(1ms) != std::future_status::ready) clock_.advance(1ms);
  ASSERT_TRUE(made.get());
  EXPECT_EQ(request(5).at("input").at(0), "a question");
  embedder_->interrupt();
}

TEST_F(RemoteEmbedderTest, WithoutAnEndAThrottleIsAskedAgainAfterASecondAndCostsNoBudget) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  connect();
  plan_status(429, 2);
  const MonotonicTime began = clock_.now();
  auto made = std::async(std::launch::async, [&] { return embed({"text"}); });
  while (made.wait_for(1ms) != std::future_status::ready) clock_.advance(20ms);
  EXPECT_TRUE(made.get());
  EXPECT_EQ(calls(), 3u);
  EXPECT_GE(clock_.now() - began, 2 * policies_.quota.default_backoff);
}

TEST_F(RemoteEmbedderTest, AProviderThatDoesNotAnswerIsAFailure) {
  config_.timeout = 50ms;
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  connect();
  plan({.hangs = true});
  EXPECT_EQ(error_of().message, "the embedding provider did not answer in time");
  EXPECT_EQ(embedder_->breaker_status().consecutive_failures, 1u);
}

TEST_F(RemoteEmbedderTest, ACallCutShortByItsDeadlineIsNotTheProvidersFault) {
  connect();
  time_ = 50ms;
  plan({.hangs = true});
  EXPECT_EQ(error_of().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(embedder_->breaker_status().consecutive_failures, 0u);
  time_ = 0ms;
  EXPECT_EQ(error_of().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(RemoteEmbedderTest, NobodyThereIsUnavailable) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 0};
  connect();
  server_.reset();
  const Error error = error_of();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.message, "the embedding provider cannot be reached");
}

TEST_F(RemoteEmbedderTest, AnInterruptionEndsCallsAndWaits) {
  connect();
  plan({.hangs = true});
  auto hanging = std::async(std::launch::async, [&] { return error_of(); });
  await_calls(1);
  embedder_->interrupt();
  EXPECT_EQ(hanging.get().code, ErrorCode::kDraining);
  EXPECT_EQ(error_of().code, ErrorCode::kDraining);
}

TEST_F(RemoteEmbedderTest, AnInterruptionEndsABackoff) {
  connect();
  plan_status(429, 1, {{"retry-after", "60"}});
  auto waiting = std::async(std::launch::async, [&] { return error_of(); });
  await_calls(1);
  embedder_->interrupt();
  EXPECT_EQ(waiting.get().code, ErrorCode::kDraining);
}

} // namespace
} // namespace raglan::model
