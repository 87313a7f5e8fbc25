// What one node writes, the others hear of through Redis, so that what they know of a collection's
// generation is out of date for the time of a message, and not for `store.max_staleness`.
//
//   WriteAnnouncer announcer(redis, loops, clock);
//   announcer.announce({"acme", "default"});                   // behind each write
//   WriteFollower follower(redis, config, {.on_write = …, .on_doubt = …}, loops, 0);
//
// Redis keeps nothing, so a message may be missed: it only ever shortens what `max_staleness`
// bounds. Each time the subscription stands, the first included, and when it is lost, `on_doubt`
// says that everything that is known may be out of date.
//
// Thread safety: `announce` from any thread; the follower as redis::Subscriber.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "redis/subscriber.h"
#include "store/types.h"

namespace raglan::node {

// Every node tells: that its own `max_staleness` is 0 says nothing of the others'. It must outlive
// the loops' last coroutine.
class WriteAnnouncer {
 public:
  static constexpr int kMaxUnderWay = 64; // what is written while Redis hangs is not told

  WriteAnnouncer(redis::Client& client, net::EventLoops& loops, const Clock& clock)
      : client_(client), loops_(loops), clock_(clock) {}

  // Nobody waits for it, and that it fails is no error.
  void announce(const store::CollectionKey& key);

 private:
  net::Task<void> publish(std::string text);

  redis::Client& client_;
  net::EventLoops& loops_;
  const Clock& clock_;
  std::atomic<int> under_way_ = 0;
};

// The messages. Nothing: it is none.
std::string write_text(const store::CollectionKey& key);
std::optional<store::CollectionKey> parse_write(std::string_view text);

class WriteFollower {
 public:
  // Called on the loop; they must not block. None may be empty.
  struct Events {
    std::function<void(const store::CollectionKey&)> on_write;
    std::function<void()> on_doubt;
  };

  WriteFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                net::EventLoops& loops, std::size_t loop);

 private:
  redis::Subscriber subscriber_;
};

} // namespace raglan::node
