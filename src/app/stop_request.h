// What ends a node, or a balancer: SIGTERM or SIGINT, POST /admin/drain, or a start that failed;
// whichever comes first. All of them end up in who waits here.
//
//   StopRequest stop(block_signals(kStopSignals));
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

#include "app/signal_thread.h"

namespace raglan::app {

inline constexpr std::initializer_list<int> kStopSignals = {SIGTERM, SIGINT};

class StopRequest {
 public:
  // `signals` are blocked in all threads, and stay so.
  explicit StopRequest(const sigset_t& signals)
      : signals_(signals), thread_(signals, [this](int signal) { take(signal); }) {}

  void request() {
    requested_ = true;
    requested_.notify_all();
  }
  void wait() const { requested_.wait(false); }

 private:
  void take(int signal) {
    request();
    if (!std::exchange(signalled_, true)) return;
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); // here alone
    std::raise(signal);
  }

  const sigset_t signals_;
  std::atomic<bool> requested_ = false;
  bool signalled_ = false; // the thread's
  SignalThread thread_;
};

} // namespace raglan::app
