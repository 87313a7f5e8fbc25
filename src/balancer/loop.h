// The event loop of one core of the balancer: epoll, edge-triggered.
//
// Not one of net/'s loops, which are for coroutines on Boost.Asio: a proxied request is four system
// calls and little else, and what Asio adds to each (a queue of operations, a lock, a handler's
// memory) is a third of what Raglan itself does there. What waits for other things than proxied
// connections (health checks, name resolution, the admin API) is on net/'s loops.
//
// Each descriptor is registered once, for everything, and its Watcher told when that changes; it
// remembers what it may do until the system says EAGAIN, or gives less than was asked for (which
// on a stream socket means the same, epoll(7)).
//
// Timeouts are queues, one for each length of time: what waits longest is in front, so that the
// queue is looked at there only. Each may be late by kTick.
//
// Thread safety: post and stop, any thread; everything else, the loop's thread.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "balancer/buffer.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/guarded.h"

namespace raglan::balancer {

class TimeoutQueue;

// Something that can be overdue: in one queue at a time.
class Timed : public boost::intrusive::list_base_hook<
                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void on_overdue() = 0;

 protected:
  ~Timed() = default;

 private:
  friend class TimeoutQueue;
  MonotonicTime due_{};
};

// All wait for the same length of time.
class TimeoutQueue {
 public:
  explicit TimeoutQueue(Duration length) : length_(length) {}
  // Anew, when it waits already, here or elsewhere.
  void start(Timed& timed, MonotonicTime now);
  static void stop(Timed& timed) {
    if (timed.is_linked()) timed.unlink();
  }
  void expire(MonotonicTime now);
  Duration length() const { return length_; }

 private:
  const Duration length_;
  boost::intrusive::list<Timed, boost::intrusive::constant_time_size<false>> waiting_;
};

class Loop {
 public:
  static constexpr std::chrono::milliseconds kTick{50};

  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void on_events(std::uint32_t events) = 0; // EPOLLIN, EPOLLOUT, EPOLLRDHUP, …
  };

  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until it is closed. Edge-triggered for whatever happens; false: the system has no room.
  bool watch(int descriptor, Watcher& watcher);
  // A listener, which other loops watch too: one of them is told, and told again while there is
  // somebody to accept.
  bool watch_listener(int descriptor, Watcher& watcher);
  void unwatch(int descriptor);
  // It is destroyed when no event for it can be under way any more.
  void retire(std::unique_ptr<Watcher> watcher) { retired_.push_back(std::move(watcher)); }
  // Called once more after what else has happened: somebody who has done enough at a time.
  void defer(Watcher& watcher) { deferred_.push_back(&watcher); }
  void cancel_deferred(Watcher& watcher);
  // Looked at by this loop, which it outlives.
  void add(TimeoutQueue& queue) { queues_.push_back(&queue); }

  void run(); // until stop
  void stop();
  void post(std::function<void()> work);

  MonotonicTime now() const { return now_; } // when the present events came
  BlockPool& blocks() { return blocks_; }

 private:
  struct Posted {
    std::vector<std::function<void()>> work;
    bool woken = false;
  };

  void run_posted();
  void after_events();

  const Clock& clock_;
  FileDescriptor epoll_;
  FileDescriptor wake_;
  MonotonicTime now_;
  MonotonicTime next_tick_;
  bool stopped_ = false;
  BlockPool blocks_;
  std::vector<TimeoutQueue*> queues_;
  std::vector<Watcher*> deferred_;
  std::vector<std::unique_ptr<Watcher>> retired_;
  Guarded<Posted> posted_;
};

} // namespace raglan::balancer
