// Turns host names into addresses without blocking an event loop.
//
// getaddrinfo blocks, so it runs on a few threads behind a bounded queue. Asio's own resolver does
// the same with one thread per loop, but a lookup that has begun cannot be given up there: one dead
// name server would hold requests past their deadlines. Here the wait ends at the deadline or with
// the caller, and the lookup's late answer is dropped. Addresses need no lookup and no thread.
//
// Nothing is cached: getaddrinfo does not tell how long an answer is good for, and connections are
// kept much longer than a lookup takes.
//
// Thread safety: every member may be called from any thread; stop and the destructor not from an
// event loop's: they wait for the lookups that have begun. Stop before the event loops are
// destroyed.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"
#include "runtime/executor.h"

namespace raglan::net {

struct ResolverConfig {
  std::size_t threads = 2;
  std::size_t max_queued = 256; // lookups that wait for a thread; more are refused
};

class Resolver {
 public:
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

  explicit Resolver(ResolverConfig config = {});

  // At least one endpoint, in the system's order of preference. Errors: kUnavailable (no such name,
  // no answer, stopped), kOverloaded, kDeadlineExceeded after `patience`, kClientClosed when
  // cancelled.
  Task<Result<Endpoints>> resolve(std::string host, std::uint16_t port, Duration patience);

  // Refuses new lookups, drops the queued ones and waits for the others.
  void stop() { executor_.stop(); }

 private:
  runtime::Executor executor_;
};

} // namespace raglan::net
