// A thread that takes signals, and does what they ask for.
//
//   const sigset_t signals = block_signals({SIGHUP});  // before any other thread is started
//   SignalThread thread(signals, [](int signal) { … });
//
// Thread safety: none; what it calls runs on that thread.
#pragma once

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <thread>

namespace raglan::app {

// In this thread and all that it starts from now on: sigwait takes them.
inline sigset_t block_signals(std::initializer_list<int> which) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : which) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

class SignalThread {
 public:
  // `signals` are blocked in all threads, and stay so.
  SignalThread(const sigset_t& signals, std::function<void(int signal)> act)
      : signals_(signals), act_(std::move(act)) {}
  ~SignalThread() {
    over_ = true;
    for (int signal = 1; signal < NSIG; ++signal) {
      if (sigismember(&signals_, signal) != 1) continue;
      pthread_kill(thread_.native_handle(), signal); // for this thread alone: wakes it
      break;
    }
    thread_.join();
  }
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  void run() {
    int signal = 0;
    for (sigwait(&signals_, &signal); !over_; sigwait(&signals_, &signal)) act_(signal);
  }

  const sigset_t signals_;
  const std::function<void(int)> act_;
  std::atomic<bool> over_ = false;
  std::thread thread_{[this] { run(); }};
};

} // namespace raglan::app
