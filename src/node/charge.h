// What a request takes from its customer's limits (auth/rate_limits.h), on the routes that work for
// one: /v1/query, /v1/search, /v1/chat/completions and /v1/embeddings.
//
//   Charge charge; // without a look at Redis where nothing is limited
//   if (limits.limits(tier)) charge = co_await charge_for(limits, {tenant, tier}, cost, deadline);
//   if (!charge.allowed()) co_return charge.refusal(request);
//   …
//   co_return charge.settled(std::move(response), tokens);
//
// A request is charged when it is understood and before anything is done for it; what is malformed
// costs nothing. It is charged the tokens that it may need, which are known better afterwards:
// those that models have read and written for it. An answer from a cache, or that was being written
// for somebody else, has used none.
//
// Every reply to a request that was charged says where its customer stands:
// x-ratelimit-limit-requests, -remaining-requests and -reset-requests (seconds, as "1.5s"), and the
// same of tokens, as OpenAI has them.
//
// Thread safety: belongs to its request.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "auth/rate_limits.h"
#include "http/request.h"
#include "http/response.h"
#include "net/detach.h"
#include "rag/query.h"

namespace raglan::node {

class Charge {
 public:
  Charge() = default; // of whom nothing limits

  bool allowed() const { return limits_ == nullptr || taken_.decision.allowed; }
  // 429, when it is not allowed.
  http::Response refusal(const http::Request& request) const;

  // What was used in fact. Only the first call counts; without one the estimate stands.
  void settle(std::size_t tokens);
  // What an answer used. The estimate stands for one that the language model broke off, unless it
  // was writing it for somebody else.
  void settle(const rag::QueryReply& reply);
  // Of a reply that is an error: nothing was used, unless a language model had been asked for it;
  // then the estimate stands, as it does for a client that goes away.
  void fail();
  http::Response failed(http::Response response);
  // Has the question tell whether a language model was asked for it.
  void watch(rag::QueryRequest& question);
  // The response, settled, with its headers.
  http::Response settled(http::Response response, std::size_t tokens);
  http::Response settled(http::Response response, const rag::QueryReply& reply);
  // With its headers alone: what a stream uses is known at its end.
  http::Response described(http::Response response) const;

 private:
  friend net::Task<Charge> charge_for(auth::RateLimits& limits, auth::Customer customer,
                                      policy::RateLimitCost cost, Deadline deadline);

  auth::RateLimits* limits_ = nullptr;
  boost::asio::any_io_executor loop_;
  auth::Customer customer_;
  auth::RateLimits::Taken taken_;
  bool settled_ = false;
  std::shared_ptr<std::atomic<bool>> model_asked_; // for one of those watched; null: none is
};

net::Task<Charge> charge_for(auth::RateLimits& limits, auth::Customer customer,
                             policy::RateLimitCost cost, Deadline deadline);

// All that models have read and written for a reply.
inline std::size_t tokens_of(const rag::ReplyUsage& usage) {
  return usage.embedding_tokens + usage.prompt_tokens + usage.completion_tokens;
}

} // namespace raglan::node
