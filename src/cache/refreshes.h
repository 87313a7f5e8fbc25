// Which keys are being computed again in the background: each once, and not too many at a time.
//
//   if (auto permit = refreshes.try_begin(key)) spawn(refresh(std::move(*permit), …));
//
// A permit ends its refresh when it is destroyed, wherever that is. A key that was refused because
// too many run is counted; who asks for it next tries again. Thread safe; must outlive its permits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>

#include "base/guarded.h"
#include "base/hash.h"

namespace raglan::cache {

class Refreshes {
 public:
  explicit Refreshes(std::size_t max_running) : max_running_(max_running) {}

  struct End {
    Refreshes* refreshes;
    void operator()(const Hash128* key) const {
      refreshes->running_.with([&](Keys& keys) { keys.erase(*key); });
      delete key;
    }
  };
  using Permit = std::unique_ptr<const Hash128, End>;

  // Nothing when the key is being refreshed already, or too many are.
  std::optional<Permit> try_begin(const Hash128& key) {
    const bool begun = running_.with([&](Keys& keys) {
      if (keys.contains(key)) return false;
      if (keys.size() < max_running_) return keys.insert(key).second;
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    });
    if (!begun) return std::nullopt;
    return Permit(new Hash128(key), End{this});
  }

  std::size_t running() const {
    return running_.with([](const Keys& keys) { return keys.size(); });
  }
  // Because too many were running.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  using Keys = std::unordered_set<Hash128>;
  const std::size_t max_running_;
  Guarded<Keys> running_;
  std::atomic<std::uint64_t> refused_ = 0;
};

} // namespace raglan::cache
