// S3-FIFO; see cache/eviction.h for what it does. Internal to cache/.
#pragma once

#include <deque>
#include <unordered_map>

#include "cache/eviction.h"

namespace raglan::cache {

class S3Fifo final : public EvictionPolicy {
 public:
  explicit S3Fifo(std::size_t max_bytes);

  void insert(EvictionEntry& entry) override;
  void touch(EvictionEntry& entry, std::uint32_t uses) override;
  std::uint32_t touch_interval(const EvictionEntry& entry) const override;
  void erase(EvictionEntry& entry) override;
  EvictionEntry& evict() override;

 private:
  struct Queue {
    boost::intrusive::list<EvictionEntry> entries; // oldest first
    std::size_t bytes = 0;
    void push(EvictionEntry& entry);
    void remove(EvictionEntry& entry);
  };

  // Keys that the small queue dropped, oldest first, as many as would have filled the main queue.
  class Ghosts {
   public:
    explicit Ghosts(std::size_t max_bytes) : max_bytes_(max_bytes) {}
    void add(const EvictionEntry& entry);
    bool take(const Hash128& key); // whether it was there; it no longer is

   private:
    struct Ghost {
      Hash128 key;
      std::size_t bytes;
      std::uint64_t number;
    };
    const std::size_t max_bytes_;
    std::deque<Ghost> order_; // taken ones stay until their turn comes
    std::unordered_map<Hash128, std::uint64_t> numbers_;
    std::size_t bytes_ = 0; // of order_
    std::uint64_t next_number_ = 0;
  };

  EvictionEntry* evict_from_small(); // null when all of them moved to the main queue
  EvictionEntry& evict_from_main();

  const std::size_t main_max_bytes_;
  Queue small_;
  Queue main_;
  Ghosts ghosts_;
};

} // namespace raglan::cache
