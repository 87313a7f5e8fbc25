// A coroutine that sleeps until it is time, or until somebody wakes it.
//
//   Wakeup wakeup(loop);
//   while (!stopping) { …look…; co_await wakeup.sleep(1s); }     // on that loop
//   wakeup.wake();                                               // from anywhere
//
// Who is woken while it is awake does not sleep the next time.
//
// Thread safety: `wake` from any thread; one coroutine sleeps, on the loop. It must outlive the
// loop's last coroutine, and may outlive the loop: the timer is the sleeping coroutine's.
#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "net/task.h"

namespace raglan::net {

class Wakeup {
 public:
  explicit Wakeup(boost::asio::any_io_executor loop) : loop_(std::move(loop)) {}

  Task<void> sleep(Duration duration);
  void wake();

 private:
  const boost::asio::any_io_executor loop_;
  std::weak_ptr<boost::asio::steady_timer> timer_; // of the loop, as the flag
  bool woken_ = false;
};

} // namespace raglan::net
