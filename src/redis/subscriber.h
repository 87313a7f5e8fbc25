// Listens to channels of Redis, for as long as it lives, and says when it may have missed
// something.
//
//   SubscriberEvents events;
//   events.on_subscribed = [&] { cache.clear(); };                 // whatever it holds may be old
//   events.on_message = [&](std::string_view, std::string_view key) { cache.remove(key); };
//   const Subscriber subscriber(client, {}, {"raglan:invalidate"}, std::move(events), loops, 0);
//
// Redis publishes to who is listening and keeps nothing: what is published while the connection is
// away is lost. So each time the subscription stands, the first included, `on_subscribed` says that
// what was learnt before may be out of date, and `on_lost` says that from now on messages are being
// missed. Between the two of them every message arrives, in order.
//
//   connecting ──confirmed: on_subscribed──→ listening ──broken: on_lost──→ waiting ──→ connecting
//
// The connection is one of its own, beside the client's `max_connections`, as Redis demands. A lost
// one is made again after a wait that grows (policy/backoff.h) until something has been heard. A
// PING every `ping_interval` tells a silent server from a dead one: a connection on which nothing
// at all came since the last PING is given up, that is after one to two intervals. A server that
// was only stopped for so long costs a reconnect.
//
// With sentinels it listens at the master. A cluster passes messages on to all its servers; here it
// listens at the one that has the slot of the first channel, so that what a script publishes beside
// a key of that slot (with a hash tag) needs no passing on, which may fail unseen. While that one
// cannot be reached it listens at any other, and goes on to it afterwards, or when the slot is
// moved, but stays anywhere for ten ping_intervals at least. When the server that it listens at is
// no master any more, it is left within a ping_interval after the client knows.
//
// It does not ask the client's breaker, and does not report to it: nobody waits for it.
//
// Thread safety: the events are called on the given loop, one at a time, and must not block nor
// destroy the subscriber. The destructor belongs to a thread that is not a loop's; afterwards no
// event is called. It must not run while the loops are being stopped; the client must outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"
#include "net/event_loops.h"
#include "policy/backoff.h"
#include "redis/client.h"

namespace raglan::redis {

// The settings `[redis.subscriber]`.
struct SubscriberConfig {
  std::chrono::milliseconds ping_interval{1'000};
  policy::BackoffConfig backoff;
};

void describe(config::Table<SubscriberConfig>& table);

// None may be empty.
struct SubscriberEvents {
  std::function<void()> on_subscribed = [] {};
  std::function<void()> on_lost = [] {};
  std::function<void(std::string_view channel, std::string_view message)> on_message =
      [](std::string_view, std::string_view) {};
};

struct SubscriberStats {
  bool subscribed = false;
  std::uint64_t messages = 0; // events
  std::uint64_t losses = 0;   // events: subscriptions that were lost
};

class Subscription;

class Subscriber {
 public:
  // Starts at once. `loop` is the index of the loop that it lives on.
  Subscriber(Client& client, SubscriberConfig config, std::vector<std::string> channels,
             SubscriberEvents events, net::EventLoops& loops, std::size_t loop);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // From any thread.
  SubscriberStats stats() const;

 private:
  net::EventLoops& loops_;
  const std::size_t loop_;
  const std::shared_ptr<Subscription> subscription_;
};

} // namespace raglan::redis
