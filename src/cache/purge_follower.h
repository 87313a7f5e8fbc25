// Hears of what other nodes' operators remove (cache/purge_message.h), and of having missed it.
//
//   PurgeFollower follower(client, config, {.on_purge = …, .on_missed = …}, loops, 0);
//
// Purges are counted in Redis (kPurgeCountKey), and each message carries its number and the one
// before. A node whose connection was lost thus knows afterwards whether anything was said
// meanwhile: only then, and when the subscription stands for the first time, `on_missed` says that
// what the caches hold may have been removed. A Redis that is slow, or comes back empty where
// nobody has purged anything, costs no node its cache, just when Redis cannot replace it. The count
// begins at a random number, so that one begun anew, as Redis lost or evicted it, is not taken for
// the other. A purge that could not be counted, as Redis was full, has no numbers: it reaches the
// nodes that listen, and no others.
//
// Thread safety: as redis::Subscriber: the events are called on the given loop and must not block;
// after the destructor none is called.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "cache/purge_message.h"
#include "redis/subscriber.h"

namespace raglan::cache {

class PurgeFollower {
 public:
  // None may be empty.
  struct Events {
    std::function<void(PurgeMessage)> on_purge;
    std::function<void()> on_missed;
  };

  PurgeFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                net::EventLoops& loops, std::size_t loop);
  ~PurgeFollower();
  // Whether purges are heard now. From any thread.
  bool listening() const { return subscriber_.stats().subscribed; }
  PurgeFollower(const PurgeFollower&) = delete;
  PurgeFollower& operator=(const PurgeFollower&) = delete;

 private:
  class Count;

  const std::shared_ptr<Count> count_;
  redis::Subscriber subscriber_; // last: its events use the count
};

} // namespace raglan::cache
