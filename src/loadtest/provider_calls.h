// The API of the provider stand-in: its routes, its behaviour of the moment, and what it counts.
//
// A call is counted, then checked for its key and against the token bucket, then it waits for its
// latency, then it fails if its turn to fail has come; only what is left is answered. A call that
// is answered with an error costs its latency as well.
//
// Error bodies carry kPrivateText, as real ones carry account names and parts of keys: nothing that
// Raglan says or logs may contain it.
//
// Thread safety: all members, from any thread. Its routes must be gone before it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/clock.h"
#include "base/guarded.h"
#include "http/router.h"
#include "loadtest/provider_behaviour.h"
#include "loadtest/provider_replies.h"
#include "net/offload.h"
#include "policy/token_bucket.h"

namespace raglan::loadtest {

inline constexpr std::string_view kPrivateText = "stand-in-private-text";

struct ProviderStats {
  std::map<std::string, std::uint64_t> calls; // by route
  std::uint64_t texts = 0;                    // embedded
  std::uint64_t tokens = 0;                   // of those texts and of prompts
  std::uint64_t largest_batch_texts = 0;
  std::uint64_t failed = 0;    // calls answered with an error, or reset, because they were to be
  std::uint64_t throttled = 0; // calls answered 429
  std::uint64_t under_way = 0; // calls
  std::uint64_t max_concurrent = 0; // calls
};
boost::json::object stats_json(const ProviderStats& stats);

class ProviderCalls {
 public:
  // Vectors are computed on the executor behind `workers`.
  ProviderCalls(const ProviderBehaviour& behaviour, net::Submit workers, const Clock& clock);

  void add_routes(http::Router& router);

  ProviderBehaviour behaviour() const;
  void set_behaviour(ProviderBehaviour behaviour); // the bucket begins full
  ProviderStats stats() const;
  void reset_stats(); // calls under way stay counted; every nth call counts from here

 private:
  struct State {
    ProviderBehaviour behaviour;
    policy::TokenBucket bucket;
    // When each of those who work at a call is done with what it has; as many as `parallel`.
    std::priority_queue<MonotonicTime, std::vector<MonotonicTime>, std::greater<>> busy_until{};
    ProviderStats stats;
    std::uint64_t calls = 0;
  };
  class Call;
  using CallPtr = std::shared_ptr<Call>;
  using Answer = net::Task<http::Response> (ProviderCalls::*)(http::Request&, CallPtr);

  net::Task<http::Response> handle(http::Request& request, Answer answer);
  net::Task<http::Response> embeddings(http::Request& request, CallPtr call);
  net::Task<http::Response> chat(http::Request& request, CallPtr call);
  net::Task<http::Response> models(http::Request& request, CallPtr call);
  http::Response stream_chat(ChatAnswer answer, CallPtr call);
  void count_failure();

  const net::Submit workers_;
  const Clock& clock_;
  Guarded<State> state_;
};

} // namespace raglan::loadtest
