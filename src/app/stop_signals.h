// SIGTERM and SIGINT as something to wait for.
#pragma once

#include <pthread.h>

#include <csignal>

namespace raglan::app {

// Blocked in this thread and all that it starts from now on: sigwait takes them.
inline sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// A second signal ends the process at once.
inline void unblock(const sigset_t& signals) { pthread_sigmask(SIG_UNBLOCK, &signals, nullptr); }

} // namespace raglan::app
