// State that can be reached only through its lock.
//
//   Guarded<std::map<Key, Value>> entries_;
//   entries_.with([&](auto& entries) { entries.erase(key); });
//
// The lock is held for the call and no longer. Never do I/O, block, or call back into unknown code
// inside it. `with` returns what the function returns; return values, not references into the
// state.
#pragma once

#include <mutex>
#include <utility>

namespace raglan {

template <typename T>
class Guarded {
 public:
  template <typename... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  template <typename F>
  auto with(F&& function) {
    const std::lock_guard lock(mutex_);
    return std::forward<F>(function)(value_);
  }

  template <typename F>
  auto with(F&& function) const {
    const std::lock_guard lock(mutex_);
    return std::forward<F>(function)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

} // namespace raglan
