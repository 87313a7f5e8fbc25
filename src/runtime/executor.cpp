#include "runtime/executor.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace raglan::runtime {

Executor::Executor(ExecutorConfig config) : config_(std::move(config)) {
  constexpr std::size_t kMaxThreadNameBytes = 15;
  const std::string shown = config_.name.substr(0, kMaxThreadNameBytes);
  for (std::size_t i = 0; i < std::max<std::size_t>(1, config_.threads); ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), shown.c_str());
  }
}

Executor::~Executor() { stop(); }

bool Executor::try_submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_ && queue_.size() < config_.max_queued) {
      queue_.push_back(std::move(task));
      wakeup_.notify_one();
      return true;
    }
  }
  rejected_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Executor::stop() {
  std::deque<Task> dropped; // destroyed outside the lock: a task's destructor may call anything
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    wakeup_.notify_all();
  }
  dropped.clear();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t Executor::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Executor::run() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wakeup_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
      if (stopped_) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

} // namespace raglan::runtime
