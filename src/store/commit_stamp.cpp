#include "store/commit_stamp.h"

#include <sqlite3.h>

#include <atomic>

namespace raglan::store {
namespace {

constexpr int kRegionBytes = 32 * 1024; // SQLite's, of which the header is the beginning
constexpr std::uint32_t kVersion = 3'007'000;
constexpr std::uint64_t kInitialised = std::uint64_t{0xff} << 32; // isInit, in the second word

// Null while there is no WAL index.
std::uint64_t* find_header(sqlite3* handle) {
  sqlite3_file* file = nullptr;
  const int code =
      sqlite3_file_control(handle, nullptr, SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
  if (code != SQLITE_OK || file == nullptr || file->pMethods == nullptr) return nullptr;
  if (file->pMethods->iVersion < 2 || file->pMethods->xShmMap == nullptr) return nullptr;
  void volatile* region = nullptr;
  if (file->pMethods->xShmMap(file, 0, kRegionBytes, 0, &region) != SQLITE_OK) return nullptr;
  return static_cast<std::uint64_t*>(const_cast<void*>(region));
}

} // namespace

std::optional<CommitStamp> WalIndex::stamp(sqlite3* handle) {
  if (header_ == nullptr) header_ = find_header(handle);
  if (header_ == nullptr) return std::nullopt;
  CommitStamp stamp;
  for (std::size_t i = 0; i < stamp.words.size(); ++i) {
    stamp.words[i] = std::atomic_ref(header_[i]).load(std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool known = static_cast<std::uint32_t>(stamp.words[0]) == kVersion &&
                     (stamp.words[1] & kInitialised) != 0;
  return known ? std::optional(stamp) : std::nullopt;
}

} // namespace raglan::store
