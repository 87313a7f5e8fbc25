// A coroutine that sleeps until it is time, or until somebody wakes it.
//
//   Wakeup wakeup(loop);
//   while (!stopping) { …look…; co_await wakeup.sleep(1s); }     // on that loop
//   wakeup.wake();                                               // from anywhere
//
// Who is woken while it is awake does not sleep the next time.
//
// Thread safety: `wake` from any thread; one coroutine sleeps, on the loop. It must outlive the
// loop's last coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "net/task.h"

namespace raglan::net {

class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& loop) : timer_(loop) {}

  Task<void> sleep(Duration duration);
  void wake();

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false; // of the loop
};

} // namespace raglan::net
