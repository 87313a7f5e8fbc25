// Where the values of a cache outlive the process: the seam between a cache and what persists it.
//
// A shelf is a cache too. It may have lost anything at any time, so it has no errors: what it
// cannot read is not there, and what it cannot write, it forgets.
//
// Thread safety: all members, from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"

namespace raglan::cache {

class Shelf {
 public:
  struct Entry {
    Hash128 key;
    std::uint64_t scope = 0; // whose it is: what `purge` selects by
    std::string value;
    std::chrono::milliseconds age{}; // since it was made
  };
  struct Found {
    std::string value;
    std::chrono::milliseconds age{}; // since it was made
  };

  virtual ~Shelf() = default;
  // One element per key, in their order. Blocks on disk: for an executor, never an event loop.
  virtual std::vector<std::optional<Found>> find_many(std::span<const Hash128> keys) = 0;
  // Does not block: entries wait in a bounded queue, and are dropped when it is full.
  virtual void insert_many(std::vector<Entry> entries) = 0;
  // Removes the entries of a scope, or all: how many there were. Blocks, for operators.
  virtual std::size_t purge(std::optional<std::uint64_t> scope) = 0;
};

} // namespace raglan::cache
