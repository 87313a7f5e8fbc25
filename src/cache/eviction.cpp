#include "cache/eviction.h"

#include <algorithm>
#include <map>

#include "cache/s3_fifo.h"

namespace raglan::cache {
namespace {

using EntryList = boost::intrusive::list<EvictionEntry>;

EvictionEntry& take_front(EntryList& list) {
  EvictionEntry& entry = list.front();
  list.pop_front();
  return entry;
}

class Lru final : public EvictionPolicy {
 public:
  void insert(EvictionEntry& entry) override { order_.push_back(entry); }
  void touch(EvictionEntry& entry) override {
    order_.splice(order_.end(), order_, order_.iterator_to(entry));
  }
  void erase(EvictionEntry& entry) override { order_.erase(order_.iterator_to(entry)); }
  EvictionEntry& evict() override { return take_front(order_); }

 private:
  EntryList order_; // longest unused first
};

class Lfu final : public EvictionPolicy {
 public:
  void insert(EvictionEntry& entry) override {
    entry.frequency = 1;
    by_frequency_[1].push_back(entry);
    ++entries_;
  }

  void touch(EvictionEntry& entry) override {
    unlink(entry);
    ++entry.frequency;
    by_frequency_[entry.frequency].push_back(entry);
    if (++touches_ < kTouchesPerEntry * entries_) return;
    touches_ = 0;
    halve();
  }

  void erase(EvictionEntry& entry) override {
    unlink(entry);
    --entries_;
  }

  EvictionEntry& evict() override {
    EvictionEntry& entry = by_frequency_.begin()->second.front();
    erase(entry);
    return entry;
  }

 private:
  // Between two halvings each entry is asked for so many times on average: enough to tell a
  // favourite from a passer-by, and soon enough to forget one.
  static constexpr std::size_t kTouchesPerEntry = 32;

  void unlink(EvictionEntry& entry) {
    const auto bucket = by_frequency_.find(entry.frequency);
    bucket->second.erase(bucket->second.iterator_to(entry));
    if (bucket->second.empty()) by_frequency_.erase(bucket);
  }

  void halve() {
    std::map<std::uint32_t, EntryList> halved;
    for (auto& [frequency, list] : by_frequency_) {
      const std::uint32_t half = std::max(1u, frequency / 2);
      for (EvictionEntry& entry : list) entry.frequency = half;
      EntryList& into = halved[half];
      into.splice(into.end(), list);
    }
    by_frequency_.swap(halved);
  }

  std::map<std::uint32_t, EntryList> by_frequency_; // each longest unused first; none empty
  std::size_t entries_ = 0;
  std::size_t touches_ = 0; // since the last halving
};

class Ttl final : public EvictionPolicy {
 public:
  // From the back: an entry made later usually expires later.
  void insert(EvictionEntry& entry) override {
    auto at = order_.end();
    while (at != order_.begin() && std::prev(at)->expires > entry.expires) --at;
    order_.insert(at, entry);
  }
  void touch(EvictionEntry&) override {}
  void erase(EvictionEntry& entry) override { order_.erase(order_.iterator_to(entry)); }
  EvictionEntry& evict() override { return take_front(order_); }

 private:
  EntryList order_; // first to expire first
};

} // namespace

std::string_view eviction_name(Eviction eviction) {
  switch (eviction) {
    case Eviction::kLru: return "lru";
    case Eviction::kLfu: return "lfu";
    case Eviction::kTtl: return "ttl";
    case Eviction::kS3Fifo: return "s3-fifo";
  }
  return "";
}

std::unique_ptr<EvictionPolicy> make_eviction_policy(Eviction eviction, std::size_t max_bytes) {
  switch (eviction) {
    case Eviction::kLru: break;
    case Eviction::kLfu: return std::make_unique<Lfu>();
    case Eviction::kTtl: return std::make_unique<Ttl>();
    case Eviction::kS3Fifo: return std::make_unique<S3Fifo>(max_bytes);
  }
  return std::make_unique<Lru>();
}

} // namespace raglan::cache
