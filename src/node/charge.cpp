#include "node/charge.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "node/request_scope.h"

namespace raglan::node {
namespace {

using policy::RateLimitKind;

std::string seconds_text(Duration duration) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return fmt::format("{}s", static_cast<double>(milliseconds) / 1000);
}

void add_usage(http::Headers& headers, std::string_view what, const policy::RateLimitUsage& usage) {
  if (usage.limit == 0) return;
  headers.set(fmt::format("x-ratelimit-limit-{}", what), std::to_string(usage.limit));
  headers.set(fmt::format("x-ratelimit-remaining-{}", what), std::to_string(usage.remaining));
  headers.set(fmt::format("x-ratelimit-reset-{}", what), seconds_text(usage.reset));
}

} // namespace

http::Response Charge::refusal(const http::Request& request) const {
  const policy::RateLimitDecision& decision = taken_.decision;
  const std::string_view what =
      decision.exceeded == RateLimitKind::kRequests ? "requests" : "tokens";
  Error error{ErrorCode::kRateLimited, "", ""};
  if (decision.never) {
    error.message = fmt::format("these are more {} at once than the limit allows at all", what);
  } else {
    error.message = fmt::format("the limit of {} a minute is reached", what);
    error.retry_after = decision.retry_after;
  }
  return described(error_reply(error, request));
}

void Charge::settle(std::size_t tokens) {
  if (limits_ == nullptr || std::exchange(settled_, true)) return;
  net::detach(loop_, limits_->settle(customer_, taken_, static_cast<std::int64_t>(tokens)));
}

void Charge::settle(const rag::QueryReply& reply) {
  const bool own = reply.cache != rag::CacheStatus::kCoalesced;
  if (own && reply.answer->has_reason(rag::kInterrupted)) return;
  settle(tokens_of(reply.usage()));
}

void Charge::fail() {
  if (!model_asked_ || !*model_asked_) settle(0);
}

http::Response Charge::failed(http::Response response) {
  fail();
  return described(std::move(response));
}

void Charge::watch(rag::QueryRequest& question) {
  if (!model_asked_) model_asked_ = std::make_shared<std::atomic<bool>>(false);
  question.model_asked = model_asked_;
}

http::Response Charge::settled(http::Response response, std::size_t tokens) {
  settle(tokens);
  return described(std::move(response));
}

http::Response Charge::settled(http::Response response, const rag::QueryReply& reply) {
  settle(reply);
  return described(std::move(response));
}

http::Response Charge::described(http::Response response) const {
  if (limits_ == nullptr) return response;
  add_usage(response.headers, "requests", taken_.decision.requests);
  add_usage(response.headers, "tokens", taken_.decision.tokens);
  return response;
}

net::Task<Charge> charge_for(auth::RateLimits& limits, auth::Customer customer,
                             policy::RateLimitCost cost, Deadline deadline) {
  Charge charge;
  charge.limits_ = &limits;
  charge.loop_ = co_await boost::asio::this_coro::executor;
  charge.taken_ = co_await limits.acquire(customer, cost, deadline);
  charge.customer_ = std::move(customer);
  co_return charge;
}

} // namespace raglan::node
