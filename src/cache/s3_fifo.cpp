#include "cache/s3_fifo.h"

#include <algorithm>

namespace raglan::cache {
namespace {

constexpr std::size_t kSmallShare = 10; // a tenth of the bytes
constexpr std::uint32_t kMaxFrequency = 3;
constexpr std::uint32_t kPromotedFrom = 2; // asked for so often while in the small queue

} // namespace

S3Fifo::S3Fifo(std::size_t max_bytes)
    : main_max_bytes_(max_bytes - max_bytes / kSmallShare), ghosts_(main_max_bytes_) {}

void S3Fifo::Queue::push(EvictionEntry& entry) {
  entries.push_back(entry);
  bytes += entry.bytes;
}

void S3Fifo::Queue::remove(EvictionEntry& entry) {
  entries.erase(entries.iterator_to(entry));
  bytes -= entry.bytes;
}

void S3Fifo::insert(EvictionEntry& entry) {
  entry.frequency = 0;
  entry.in_main = ghosts_.take(entry.key);
  (entry.in_main ? main_ : small_).push(entry);
}

void S3Fifo::touch(EvictionEntry& entry, std::uint32_t uses) {
  entry.frequency = std::min(entry.frequency + uses, kMaxFrequency);
}

std::uint32_t S3Fifo::touch_interval(const EvictionEntry& entry) const {
  return entry.frequency < kMaxFrequency ? 1 : 0;
}

void S3Fifo::erase(EvictionEntry& entry) { (entry.in_main ? main_ : small_).remove(entry); }

EvictionEntry& S3Fifo::evict() {
  if (main_.bytes <= main_max_bytes_ || main_.entries.empty()) {
    if (EvictionEntry* entry = evict_from_small()) return *entry;
  }
  return evict_from_main();
}

EvictionEntry* S3Fifo::evict_from_small() {
  while (!small_.entries.empty()) {
    EvictionEntry& oldest = small_.entries.front();
    small_.remove(oldest);
    if (oldest.frequency < kPromotedFrom) {
      ghosts_.add(oldest);
      return &oldest;
    }
    oldest.frequency = 0;
    oldest.in_main = true;
    main_.push(oldest);
  }
  return nullptr;
}

EvictionEntry& S3Fifo::evict_from_main() {
  while (true) {
    EvictionEntry& oldest = main_.entries.front();
    main_.remove(oldest);
    if (oldest.frequency == 0) return oldest;
    --oldest.frequency;
    main_.push(oldest);
  }
}

void S3Fifo::Ghosts::add(const EvictionEntry& entry) {
  order_.push_back({entry.key, entry.bytes, next_number_});
  numbers_[entry.key] = next_number_++;
  bytes_ += entry.bytes;
  while (bytes_ > max_bytes_) {
    const Ghost& oldest = order_.front();
    const auto found = numbers_.find(oldest.key);
    if (found != numbers_.end() && found->second == oldest.number) numbers_.erase(found);
    bytes_ -= oldest.bytes;
    order_.pop_front();
  }
}

bool S3Fifo::Ghosts::take(const Hash128& key) { return numbers_.erase(key) > 0; }

} // namespace raglan::cache
