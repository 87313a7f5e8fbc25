// What ends a node: SIGTERM or SIGINT, POST /admin/drain, or a start that failed; whichever comes
// first. All of them end up in who waits here.
//
//   StopRequest stop(block_stop_signals());
//   stop.wait();                       // until a signal, or request() on another thread
//   drain();
//
// A second signal ends the process at once. The first one that comes after request() does not:
// orchestrators ask for a drain and send SIGTERM behind it, which must cut nothing off. For that a
// thread of its own takes the signals, and not who waits: it is busy draining by then.
//
// Thread safety: all members from any thread.
#pragma once

#include <atomic>
#include <csignal>
#include <thread>

#include "app/stop_signals.h"

namespace raglan::app {

class StopRequest {
 public:
  // `signals` are blocked in all threads, and stay so.
  explicit StopRequest(const sigset_t& signals) : signals_(signals) {}
  ~StopRequest() {
    over_ = true;
    pthread_kill(watcher_.native_handle(), SIGTERM); // for this thread alone: wakes it
    watcher_.join();
  }
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  void request() {
    requested_ = true;
    requested_.notify_all();
  }
  void wait() const { requested_.wait(false); }

 private:
  void watch() {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (over_) return;
    request();
    sigwait(&signals_, &signal);
    if (over_) return;
    unblock(signals_); // here alone
    std::raise(signal);
  }

  const sigset_t signals_;
  std::atomic<bool> requested_ = false;
  std::atomic<bool> over_ = false;
  std::thread watcher_{[this] { watch(); }};
};

} // namespace raglan::app
