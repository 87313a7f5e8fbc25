// SIGHUP as an order: the access log is opened anew, as logrotate expects.
//
// Thread safety: none; `act` runs on a thread of its own.
#pragma once

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace raglan::app {

// Blocked in this thread and all that it starts from now on, where it would end the process.
inline sigset_t block_hangup() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

class OnHangup {
 public:
  // `signals`: of block_hangup.
  OnHangup(const sigset_t& signals, std::function<void()> act)
      : signals_(signals), act_(std::move(act)) {}
  ~OnHangup() {
    over_ = true;
    pthread_kill(watcher_.native_handle(), SIGHUP); // for this thread alone: wakes it
    watcher_.join();
  }
  OnHangup(const OnHangup&) = delete;
  OnHangup& operator=(const OnHangup&) = delete;

 private:
  void watch() {
    int signal = 0;
    for (sigwait(&signals_, &signal); !over_; sigwait(&signals_, &signal)) act_();
  }

  const sigset_t signals_;
  const std::function<void()> act_;
  std::atomic<bool> over_ = false;
  std::thread watcher_{[this] { watch(); }};
};

} // namespace raglan::app
