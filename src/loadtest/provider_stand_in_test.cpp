#include "loadtest/provider_stand_in.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "http/blocking_client.h"
#include "loadtest/provider_answers.h"
#include "model/openai_embeddings.h"

namespace raglan::loadtest {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration kPatience = 20s;
constexpr std::string_view kChat =
    R"({"model":"m","messages":[{"role":"user","content":"[1] Vacuum nightly. It helps."}])";

class ProviderStandInTest : public testing::Test {
 protected:
  void start(const ProviderBehaviour& behaviour = {}) {
    auto provider = ProviderStandIn::start({}, behaviour, clock_);
    ASSERT_TRUE(provider) << provider.error().message;
    provider_ = std::move(*provider);
  }

  Result<http::ClientResponse> post(const std::string& url, std::string body,
                                    Duration patience = kPatience) {
    http::ClientRequest request{.method = "POST", .url = url, .body = std::move(body)};
    return client_.send(std::move(request), patience);
  }
  Result<http::ClientResponse> embed(const std::vector<std::string_view>& texts,
                                     Duration patience = kPatience) {
    return post(provider_->url() + "/v1/embeddings", model::embeddings_request("m", texts, 0),
                patience);
  }
  // The status, or that of http/client.h's error.
  int embed_status() {
    const auto response = embed({"text"});
    return response ? response->status : -static_cast<int>(response.error().code);
  }
  Result<model::Embeddings> read(const std::vector<std::string_view>& texts) {
    const auto response = embed(texts);
    if (!response) return std::unexpected(response.error());
    return model::read_embeddings_reply(response->body, texts.size(), 0);
  }
  int control(const std::string& body, bool at_the_api = false) {
    const auto& base = at_the_api ? provider_->url() : provider_->control_url();
    const auto response = post(base + "/control", body);
    return response ? response->status : 0;
  }
  json::object get(const std::string& url) {
    http::ClientRequest request{.url = url};
    const auto response = client_.send(std::move(request), kPatience);
    return response ? json::parse(response->body).as_object() : json::object();
  }

  ManualClock clock_; // of the token bucket
  http::BlockingClient client_;
  std::unique_ptr<ProviderStandIn> provider_;
};

TEST_F(ProviderStandInTest, EmbedsTextsAsTheirVectors) {
  start({.dimensions = 48});
  const auto made = read({"one", "two", "one"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->dimension, 48u);
  EXPECT_EQ(made->tokens, 3u);
  EXPECT_EQ(std::vector(made->values.begin() + 48, made->values.begin() + 96),
            stand_in_vector("two", 48));
}

TEST_F(ProviderStandInTest, ARequestMayNameADimensionAndNoEncoding) {
  start();
  const auto response =
      post(provider_->url() + "/v1/embeddings", R"({"input":"a text","dimensions":5})");
  ASSERT_TRUE(response);
  const json::value reply = json::parse(response->body);
  EXPECT_EQ(reply.at_pointer("/data/0/embedding").as_array().size(), 5u);
}

TEST_F(ProviderStandInTest, RefusesWhatAProviderRefuses) {
  start({.max_batch_texts = 2, .max_batch_tokens = 10});
  const std::string url = provider_->url() + "/v1/embeddings";
  for (const char* body : {"{", "[]", "{}", R"({"input":[]})", R"({"input":""})",
                           R"({"input":["a",7]})", R"({"input":["a","b","c"]})",
                           R"({"input":"a text of more than forty bytes, which are ten tokens"})",
                           R"({"input":"a","dimensions":0})"}) {
    EXPECT_EQ(post(url, body)->status, 400) << body;
  }
  EXPECT_EQ(post(url, R"({"input":["a","b"]})")->status, 200);
}

TEST_F(ProviderStandInTest, ChatsAtOnceAndAsAStream) {
  start();
  const std::string url = provider_->url() + "/v1/chat/completions";
  const json::value whole = json::parse(post(url, std::string(kChat) + "}")->body);
  EXPECT_EQ(whole.at_pointer("/choices/0/message/content"),
            "The passages say: Vacuum nightly. [1]");
  EXPECT_EQ(whole.at_pointer("/usage/completion_tokens"), 6);
  const std::string events =
      post(url, std::string(kChat) + R"(,"stream":true,"stream_options":{"include_usage":true}})")
          ->body;
  EXPECT_THAT(events, HasSubstr(R"("delta":{"content":"passages "})"));
  EXPECT_THAT(events, HasSubstr(R"("completion_tokens":6)"));
  EXPECT_TRUE(events.ends_with("data: [DONE]\n\n"));
}

TEST_F(ProviderStandInTest, AChatEndsAtMaxTokens) {
  start();
  const auto response =
      post(provider_->url() + "/v1/chat/completions", std::string(kChat) + R"(,"max_tokens":2})");
  const json::value reply = json::parse(response->body);
  EXPECT_EQ(reply.at_pointer("/choices/0/message/content"), "The passages ");
  EXPECT_EQ(reply.at_pointer("/choices/0/finish_reason"), "length");
}

TEST_F(ProviderStandInTest, CountsCallsTextsAndTokens) {
  start();
  ASSERT_TRUE(read({"12345678", "1234"}));
  ASSERT_TRUE(read({"1"}));
  const json::object stats = get(provider_->control_url() + "/control/stats");
  EXPECT_EQ(stats.at("calls"), json::parse(R"({"/v1/embeddings":2})"));
  EXPECT_EQ(stats.at("texts"), 3);
  EXPECT_EQ(stats.at("tokens"), 4);
  EXPECT_EQ(stats.at("largest_batch_texts"), 2);
  EXPECT_EQ(stats.at("max_concurrent"), 1);
  provider_->reset_stats();
  EXPECT_EQ(provider_->stats().texts, 0u);
}

TEST_F(ProviderStandInTest, ACallTakesItsLatency) {
  start({.latency = 60ms});
  const MonotonicTime before = SystemClock::instance().now();
  EXPECT_EQ(embed_status(), 200);
  EXPECT_GE(SystemClock::instance().now() - before, 60ms);
}

TEST_F(ProviderStandInTest, CallsBeyondThoseInParallelWaitTheirTurn) {
  start({.latency = 60ms, .parallel = 2});
  const MonotonicTime before = SystemClock::instance().now();
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) callers.emplace_back([&] { EXPECT_EQ(embed_status(), 200); });
  for (auto& caller : callers) caller.join();
  EXPECT_GE(SystemClock::instance().now() - before, 120ms);
}

TEST_F(ProviderStandInTest, EveryNthCallIsSlow) {
  start({.slow_every = 2, .slow_latency = 60ms});
  const MonotonicTime before = SystemClock::instance().now();
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(embed_status(), 200);
  EXPECT_GE(SystemClock::instance().now() - before, 60ms);
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(provider_->stats().calls.at("/v1/embeddings"), 3u);
}

TEST_F(ProviderStandInTest, EveryNthCallFails) {
  start({.error_every = 3, .error_status = 502});
  std::vector<int> statuses;
  for (int i = 0; i < 6; ++i) statuses.push_back(embed_status());
  EXPECT_EQ(statuses, (std::vector{200, 200, 502, 200, 200, 502}));
  EXPECT_EQ(provider_->stats().failed, 2u);
}

TEST_F(ProviderStandInTest, EveryNthCallIsReset) {
  start({.reset_every = 2});
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(embed_status(), -static_cast<int>(ErrorCode::kUpstream));
  EXPECT_EQ(embed_status(), 200);
}

TEST_F(ProviderStandInTest, ThrottlesAndSaysForHowLong) {
  start({.requests_per_second = 0.5, .request_burst = 2});
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(embed({"text"})->headers.get("x-ratelimit-remaining-requests"), "0");
  const auto refused = embed({"text"});
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->headers.get("retry-after"), "3"); // two seconds, rounded up
  EXPECT_EQ(refused->headers.get("x-ratelimit-limit-requests"), "30");
  clock_.advance(3s);
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(provider_->stats().throttled, 1u);
}

TEST_F(ProviderStandInTest, AsksForItsKey) {
  start({.api_key = config::Secret("sesame")});
  EXPECT_EQ(embed_status(), 401);
  http::ClientRequest request{.url = provider_->url() + "/v1/models"};
  request.headers.set("authorization", "Bearer sesame");
  EXPECT_EQ(client_.send(std::move(request), kPatience)->status, 200);
}

TEST_F(ProviderStandInTest, HangsUntilItIsToldOtherwise) {
  start({.fault = ProviderFault::kHang});
  EXPECT_EQ(embed({"text"}, 50ms).error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(control(R"({"fault":"none"})", true), 200);
  EXPECT_EQ(embed_status(), 200);
}

TEST_F(ProviderStandInTest, RefusesConnectionsUntilItIsToldOtherwise) {
  start();
  EXPECT_EQ(control(R"({"fault":"refuse"})", true), 422);
  EXPECT_EQ(embed_status(), 200);
  EXPECT_EQ(control(R"({"fault":"refuse"})"), 200);
  EXPECT_EQ(embed_status(), -static_cast<int>(ErrorCode::kUnavailable));
  EXPECT_EQ(control(R"({"fault":"none"})"), 200);
  EXPECT_EQ(embed_status(), 200);
}

TEST_F(ProviderStandInTest, GarblesWhatItSays) {
  start();
  const std::pair<ProviderFault, const char*> faults[] = {
      {ProviderFault::kInvalidJson, "is not JSON"},
      {ProviderFault::kTruncated, "is not JSON"},
      {ProviderFault::kWrongCount, "wrong number of vectors"},
      {ProviderFault::kNotFinite, "without a direction"},
      {ProviderFault::kWrongIndex, "wrong indexes"}};
  for (const auto& [fault, says] : faults) {
    ASSERT_TRUE(provider_->set({.fault = fault}));
    EXPECT_THAT(read({"one", "two"}).error().message, HasSubstr(says));
  }
  ASSERT_TRUE(provider_->set({.dimensions = 8, .fault = ProviderFault::kWrongDimension}));
  EXPECT_NE(read({"one", "two"})->dimension, 8u);
  ASSERT_TRUE(provider_->set({.dimensions = 8, .fault = ProviderFault::kShuffled}));
  const auto shuffled = read({"one", "two"});
  ASSERT_TRUE(shuffled);
  EXPECT_EQ(std::vector(shuffled->values.begin() + 8, shuffled->values.end()),
            stand_in_vector("two", 8));
}

TEST_F(ProviderStandInTest, ControlChangesOnlyWhatItNames) {
  start({.dimensions = 7});
  EXPECT_EQ(control(R"({"latency":"5ms","error_every":4,"api_key":"sesame"})"), 200);
  const json::object shown = get(provider_->control_url() + "/control");
  EXPECT_EQ(shown.at("latency"), "5ms");
  EXPECT_EQ(shown.at("error_every"), 4);
  EXPECT_EQ(shown.at("dimensions"), 7);
  EXPECT_EQ(shown.at("api_key").as_string().find("sesame"), std::string::npos);
}

TEST_F(ProviderStandInTest, ControlRefusesWhatItDoesNotKnow) {
  start();
  EXPECT_EQ(control("{"), 400);
  for (const char* body : {R"({"latncy":"5ms"})", R"({"latency":5})", R"({"fault":"fire"})",
                           R"({"latency":{}})", R"({"error_status":200})"}) {
    EXPECT_EQ(control(body), 422) << body;
  }
  EXPECT_EQ(embed_status(), 200);
}

TEST_F(ProviderStandInTest, EndsWhileCallsHang) {
  start({.fault = ProviderFault::kHang});
  auto hanging = std::async(std::launch::async, [&] { return embed({"text"}); });
  while (provider_->stats().under_way == 0) std::this_thread::yield();
  provider_.reset();
  EXPECT_FALSE(hanging.get());
}

} // namespace
} // namespace raglan::loadtest
