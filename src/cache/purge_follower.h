// Hears of what other nodes' operators remove (cache/purge_message.h), and of having missed it.
//
//   PurgeFollower follower(client, config, {.on_purge = …, .on_missed = …}, loops, 0);
//
// Purges are counted in Redis (kPurgeCountKey), and each message carries its number and the one
// before. A node whose connection was lost thus knows afterwards whether anything was said
// meanwhile: only then, and when the subscription stands for the first time, `on_missed` says that
// what the caches hold may have been removed. The number is asked for every `compare_every` as
// well: a message that was lost on the way, in a cluster's bus, say, is missed for no longer than
// that. A Redis that is slow, or comes back empty where nobody has purged anything, costs no node
// its cache, just when Redis cannot replace it. The count begins at a random number, so that one
// begun anew, as Redis lost or evicted it, is not taken for the other. A purge that could not be
// counted, as Redis was full, has no numbers: it reaches the nodes that listen, and no others.
// Whatever else kept it from being counted is an error to the operator, who repeats it.
//
// Thread safety: as redis::Subscriber: the events are called on the given loop and must not block;
// after the destructor none is called.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

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

  struct Timing {
    std::chrono::milliseconds compare_every{10'000};
    std::chrono::milliseconds on_its_way{1'000}; // how long a message may take
  };

  PurgeFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                net::EventLoops& loops, std::size_t loop, Timing timing);
  PurgeFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                net::EventLoops& loops, std::size_t loop)
      : PurgeFollower(client, config, std::move(events), loops, loop, Timing()) {}
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
