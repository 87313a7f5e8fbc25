#include "loadtest/provider_calls.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "http/sse.h"
#include "net/pause.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

http::Response error_answer(int status, std::string_view message) {
  const json::object error{{"message", fmt::format("{} ({})", message, kPrivateText)},
                           {"type", status < 500 ? "invalid_request_error" : "server_error"},
                           {"code", nullptr},
                           {"param", nullptr}};
  http::Response response = http::json_response(status, json_text(json::object{{"error", error}}));
  if (status == 503 || status == 429) response.headers.set("retry-after", "1");
  return response;
}

http::Response refusal(const Error& error) { return error_answer(400, error.message); }

// Half of the body, then a reset.
http::Response reset_answer(std::string body) {
  http::Response response;
  response.headers.set("content-type", "application/json");
  response.stream = [body = std::move(body)](http::StreamWriter& out) -> net::Task<Result<>> {
    auto written = co_await out.write(std::string_view(body).substr(0, body.size() / 2 + 1));
    if (!written) co_return written;
    co_return fail(ErrorCode::kUpstream, "reset, as asked for");
  };
  return response;
}

policy::TokenBucketConfig bucket_config(const ProviderBehaviour& behaviour) {
  return {behaviour.requests_per_second, static_cast<double>(behaviour.request_burst)};
}

bool is_turn(std::size_t every, std::uint64_t number) { return every > 0 && number % every == 0; }

} // namespace

json::object stats_json(const ProviderStats& stats) {
  json::object calls;
  for (const auto& [route, count] : stats.calls) calls[route] = count;
  return {{"calls", std::move(calls)},    {"texts", stats.texts},
          {"tokens", stats.tokens},       {"largest_batch_texts", stats.largest_batch_texts},
          {"failed", stats.failed},       {"throttled", stats.throttled},
          {"under_way", stats.under_way}, {"max_concurrent", stats.max_concurrent}};
}

// One call, counted as under way for as long as it lives, and what the stand-in will do to it.
class ProviderCalls::Call {
 public:
  Call(ProviderCalls& owner, std::string_view route, MonotonicTime now) : owner_(owner) {
    owner_.state_.with([&](State& state) {
      behaviour = state.behaviour;
      number_ = ++state.calls;
      ++state.stats.calls[std::string(route)];
      state.stats.max_concurrent = std::max(state.stats.max_concurrent, ++state.stats.under_way);
      limit_rate(state, now);
      if (retry_after == Duration::zero()) takes = time_to_answer(state, now);
    });
  }
  ~Call() {
    owner_.state_.with([](State& state) { --state.stats.under_way; });
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool fails() const { return is_turn(behaviour.error_every, number_); }
  bool is_reset() const { return is_turn(behaviour.reset_every, number_); }

  void add_limits(http::Headers& headers) const {
    if (behaviour.requests_per_second <= 0) return;
    const double per_minute = std::ceil(60 * behaviour.requests_per_second);
    const auto limit =
        std::max<std::uint64_t>(behaviour.request_burst, static_cast<std::uint64_t>(per_minute));
    headers.set("x-ratelimit-limit-requests", std::to_string(limit));
    headers.set("x-ratelimit-remaining-requests", std::to_string(remaining_));
    headers.set("x-ratelimit-reset-requests",
                fmt::format("{}ms", std::chrono::ceil<milliseconds>(reset_).count()));
    if (retry_after <= Duration::zero()) return;
    headers.set("retry-after", std::to_string(std::chrono::ceil<seconds>(retry_after).count()));
    headers.set("retry-after-ms",
                std::to_string(std::chrono::ceil<milliseconds>(retry_after).count()));
  }

  ProviderBehaviour behaviour;
  Duration retry_after{}; // positive: throttled
  Duration takes{};       // until its answer begins

 private:
  void limit_rate(State& state, MonotonicTime now) {
    if (behaviour.requests_per_second <= 0) return;
    if (!state.bucket.try_take(1, now)) {
      retry_after = state.bucket.wait_for(1, now);
      ++state.stats.throttled;
    }
    remaining_ = static_cast<std::size_t>(state.bucket.available(now));
    reset_ = state.bucket.wait_for(static_cast<double>(behaviour.request_burst), now);
  }
  Duration time_to_answer(State& state, MonotonicTime now) const {
    const auto latency =
        is_turn(behaviour.slow_every, number_) ? behaviour.slow_latency : behaviour.latency;
    if (behaviour.parallel == 0) return latency;
    MonotonicTime begins = now;
    if (state.busy_until.size() >= behaviour.parallel) {
      begins = std::max(now, state.busy_until.top());
      state.busy_until.pop();
    }
    state.busy_until.push(begins + latency);
    return begins + latency - now;
  }

  ProviderCalls& owner_;
  std::uint64_t number_ = 0; // from 1
  std::size_t remaining_ = 0;
  Duration reset_{};
};

ProviderCalls::ProviderCalls(const ProviderBehaviour& behaviour, net::Submit workers,
                             const Clock& clock)
    : workers_(std::move(workers)),
      clock_(clock),
      state_(State{behaviour, {bucket_config(behaviour), clock.now()}, {}}) {}

void ProviderCalls::add_routes(http::Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Answer answer) {
    router.add(method, path,
               [this, answer](http::Request& request) { return handle(request, answer); });
  };
  add("POST", "/v1/embeddings", &ProviderCalls::embeddings);
  add("POST", "/v1/chat/completions", &ProviderCalls::chat);
  add("GET", "/v1/models", &ProviderCalls::models);
}

ProviderBehaviour ProviderCalls::behaviour() const {
  return state_.with([](const State& state) { return state.behaviour; });
}

void ProviderCalls::set_behaviour(ProviderBehaviour behaviour) {
  state_.with([&](State& state) {
    state.bucket = {bucket_config(behaviour), clock_.now()};
    state.busy_until = {};
    state.behaviour = std::move(behaviour);
  });
}

ProviderStats ProviderCalls::stats() const {
  return state_.with([](const State& state) { return state.stats; });
}

void ProviderCalls::reset_stats() {
  state_.with([](State& state) {
    const std::uint64_t under_way = state.stats.under_way;
    state.stats = {.under_way = under_way, .max_concurrent = under_way};
    state.calls = 0;
  });
}

void ProviderCalls::count_failure() {
  state_.with([](State& state) { ++state.stats.failed; });
}

net::Task<http::Response> ProviderCalls::handle(http::Request& request, Answer answer) {
  const auto call = std::make_shared<Call>(*this, request.route, clock_.now());
  const ProviderBehaviour& behaviour = call->behaviour;
  http::Response response;
  if (behaviour.fault == ProviderFault::kHang) (void)co_await net::pause(std::chrono::years(1));
  if (!behaviour.api_key.empty() &&
      request.headers.get("authorization") != "Bearer " + behaviour.api_key.reveal()) {
    response = error_answer(401, "wrong API key");
  } else if (call->retry_after > Duration::zero()) {
    response = error_answer(429, "rate limit reached");
  } else {
    (void)co_await net::pause(call->takes); // of a client that has gone, the rest is dropped
    if (call->fails()) {
      count_failure();
      response = error_answer(behaviour.error_status, "failed, as asked for");
    } else {
      response = co_await (this->*answer)(request, call);
    }
  }
  call->add_limits(response.headers);
  co_return response;
}

net::Task<http::Response> ProviderCalls::embeddings(http::Request& request, CallPtr call) {
  // Not the call itself: the executor drops its work a little after the answer has left.
  auto work = [behaviour = call->behaviour, body = std::move(request.body)] {
    return answer_embeddings(behaviour, body);
  };
  auto answer = co_await net::offload(workers_, std::move(work), Deadline(), clock_);
  if (!answer) co_return refusal(answer.error());
  state_.with([&](State& state) {
    state.stats.texts += answer->texts;
    state.stats.tokens += answer->tokens;
    state.stats.largest_batch_texts =
        std::max<std::uint64_t>(state.stats.largest_batch_texts, answer->texts);
  });
  if (!call->is_reset()) co_return http::json_response(200, std::move(answer->body));
  count_failure();
  co_return reset_answer(std::move(answer->body));
}

net::Task<http::Response> ProviderCalls::chat(http::Request& request, CallPtr call) {
  auto answer = answer_chat(request.body);
  if (!answer) co_return refusal(answer.error());
  state_.with([&](State& state) { state.stats.tokens += answer->prompt_tokens; });
  if (call->is_reset()) count_failure();
  if (answer->stream) co_return stream_chat(std::move(*answer), std::move(call));
  (void)co_await net::pause(call->behaviour.token_delay * static_cast<int>(answer->pieces.size()));
  std::string body = damaged(call->behaviour.fault, chat_body(*answer));
  co_return call->is_reset() ? reset_answer(std::move(body))
                             : http::json_response(200, std::move(body));
}

// Garbled streams: invalid JSON in every event; truncated: half of the events, and no end.
http::Response ProviderCalls::stream_chat(ChatAnswer answer, CallPtr call) {
  http::Response response;
  response.headers.set("content-type", http::kEventStreamType);
  response.stream = [answer = std::move(answer),
                     call = std::move(call)](http::StreamWriter& out) -> net::Task<Result<>> {
    const ProviderFault fault = call->behaviour.fault;
    const bool halved = call->is_reset() || fault == ProviderFault::kTruncated;
    const std::size_t pieces = halved ? answer.pieces.size() / 2 : answer.pieces.size();
    for (std::size_t i = 0; i < pieces; ++i) {
      if (auto ok = co_await net::pause(call->behaviour.token_delay); !ok) co_return ok;
      const std::string piece = chat_piece(answer, i);
      auto written = co_await out.write(http::format_event(
          "", fault == ProviderFault::kInvalidJson ? damaged(fault, piece) : piece));
      if (!written) co_return written;
    }
    if (call->is_reset()) co_return fail(ErrorCode::kUpstream, "reset, as asked for");
    if (halved) co_return Result<>();
    std::string end = http::format_event("", chat_end(answer));
    if (answer.stream_usage) end += http::format_event("", chat_usage(answer));
    end += http::format_event("", "[DONE]");
    co_return co_await out.write(end);
  };
  return response;
}

net::Task<http::Response> ProviderCalls::models(http::Request&, CallPtr call) {
  json::array list;
  for (const std::string_view id : {"stand-in-embedding", "stand-in-chat"}) {
    list.push_back({{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "raglan"}});
  }
  const json::object body{{"object", "list"}, {"data", std::move(list)}};
  co_return http::json_response(200, damaged(call->behaviour.fault, json_text(body)));
}

} // namespace raglan::loadtest
