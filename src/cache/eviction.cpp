#include "cache/eviction.h"

#include <algorithm>
#include <array>
#include <map>

#include "cache/s3_fifo.h"

namespace raglan::cache {
namespace {

using EntryList = boost::intrusive::list<EvictionEntry>;

// A use only numbers its entry, and writes no other: entries are put in order when one has to go.
// The order knows of each entry a number that it once had, never a later one than it has; so the
// first of them whose number is still that is the one unused for longest. The others on the way to
// it get their new places, each once for all its uses since.
class Lru final : public EvictionPolicy {
 public:
  void insert(EvictionEntry& entry) override {
    entry.used = ++uses_;
    place(entry);
  }
  void touch(EvictionEntry& entry, std::uint32_t) override { entry.used = ++uses_; }
  // An entry in the younger third is in no danger. (InnoDB's buffer pool has such a rule, too.)
  std::uint32_t touch_interval(const EvictionEntry& entry) const override {
    return uses_ - entry.used >= order_.size() / 3 ? 1 : 0;
  }
  void erase(EvictionEntry& entry) override { order_.erase(entry.placed); }
  EvictionEntry& evict() override {
    while (true) {
      EvictionEntry& entry = *order_.begin()->second;
      order_.erase(order_.begin());
      if (entry.used == entry.placed) return entry;
      place(entry);
    }
  }

 private:
  void place(EvictionEntry& entry) {
    entry.placed = entry.used;
    order_.emplace(entry.placed, &entry);
  }

  std::map<std::uint64_t, EvictionEntry*> order_; // by `placed`
  std::uint64_t uses_ = 0;                        // that mattered; `used` is the number of the last
};

class Lfu final : public EvictionPolicy {
 public:
  void insert(EvictionEntry& entry) override {
    put(entry, 1);
    ++entries_;
  }

  void touch(EvictionEntry& entry, std::uint32_t uses) override {
    unlink(entry);
    put(entry, std::min(entry.frequency + uses, kMaxFrequency));
    touches_ += uses;
    if (touches_ >= kTouchesPerEntry * entries_) halve();
  }

  std::uint32_t touch_interval(const EvictionEntry& entry) const override {
    if (entry.frequency >= kMaxFrequency) return 0;
    return entry.frequency < kCountedExactly ? 1 : kSampled;
  }

  void erase(EvictionEntry& entry) override {
    unlink(entry);
    --entries_;
  }

  EvictionEntry& evict() override {
    EvictionEntry& entry = std::ranges::find_if_not(by_frequency_, &EntryList::empty)->front();
    erase(entry);
    return entry;
  }

 private:
  // Far above the count at which entries are put out. A favourite reaches it soon after each
  // halving and then costs nothing. (TinyLFU caps its counters, too, at 15.)
  static constexpr std::uint32_t kMaxFrequency = 63;
  // Counts above those at which entries are put out need not be exact, so one use in kSampled
  // stands for all. (After Morris, "Counting large numbers of events in small registers", 1978.)
  static constexpr std::uint32_t kCountedExactly = 8;
  static constexpr std::uint32_t kSampled = 8;
  // Between two halvings each entry is asked for so many times on average, not counting what comes
  // at the maximum: enough to tell a favourite from a passer-by, and soon enough to forget one.
  static constexpr std::size_t kTouchesPerEntry = 16;

  void put(EvictionEntry& entry, std::uint32_t frequency) {
    entry.frequency = frequency;
    by_frequency_[frequency].push_back(entry);
  }

  void unlink(EvictionEntry& entry) {
    EntryList& list = by_frequency_[entry.frequency];
    list.erase(list.iterator_to(entry));
  }

  void halve() {
    touches_ = 0;
    for (std::uint32_t frequency = 2; frequency <= kMaxFrequency; ++frequency) {
      const std::uint32_t half = frequency / 2;
      for (EvictionEntry& entry : by_frequency_[frequency]) entry.frequency = half;
      by_frequency_[half].splice(by_frequency_[half].end(), by_frequency_[frequency]);
    }
  }

  std::array<EntryList, kMaxFrequency + 1> by_frequency_; // each longest unused first
  std::size_t entries_ = 0;
  std::size_t touches_ = 0; // since the last halving
};

class Ttl final : public EvictionPolicy {
 public:
  void insert(EvictionEntry& entry) override { by_expiry_[entry.expires].push_back(entry); }
  void touch(EvictionEntry&, std::uint32_t) override {}
  std::uint32_t touch_interval(const EvictionEntry&) const override { return 0; }
  void erase(EvictionEntry& entry) override {
    const auto at = by_expiry_.find(entry.expires);
    at->second.erase(at->second.iterator_to(entry));
    if (at->second.empty()) by_expiry_.erase(at);
  }
  EvictionEntry& evict() override {
    EvictionEntry& entry = by_expiry_.begin()->second.front();
    erase(entry);
    return entry;
  }

 private:
  // Entries that other nodes made come in no order: a list would have to be searched for each.
  std::map<MonotonicTime, EntryList> by_expiry_;
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
