// A collection's generation, cheap enough to ask on an event loop before every look into a cache;
// and whether the store is well, for readiness.
//
//   auto probe = store.generation_probe();         // one for each event loop, kept
//   auto generation = (*probe)->generation(key);   // some nanoseconds while nothing is written
//
// Thread safety: a probe belongs to one thread at a time. It may outlive its store.
#pragma once

#include "base/result.h"
#include "store/types.h"

namespace raglan::store {

class GenerationProbe {
 public:
  virtual ~GenerationProbe() = default;
  // The collection's last committed change, of whatever process. kNotFound when there is no such
  // collection; kUnavailable when it cannot be told without waiting: ask Store::generation on an
  // executor then.
  virtual Result<Generation> generation(const CollectionKey& key) = 0;
  // Whether the store can be read, and is still the one that was opened.
  virtual Result<> check() = 0;
};

} // namespace raglan::store
