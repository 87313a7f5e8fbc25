// Whether one store holds all that another one does: everything is read from both again and
// compared byte by byte, by digests.
//
// Errors: those of either store. Memory: as copy.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "migration/digest.h"
#include "store/store.h"

namespace raglan::migration {

struct Comparison {
  static constexpr std::size_t kMaxNamed = 20;

  std::uint64_t compared = 0; // that `from` holds
  std::uint64_t chunks = 0;   // theirs; 0 for records
  std::uint64_t missing = 0;  // that `to` does not hold
  std::uint64_t different = 0;
  std::uint64_t extra = 0; // that `to` holds and `from` does not
  // The first of the missing and the different: documents' ids; of records no more than their kinds
  // and tenants, as who knows the id of a conversation may read it.
  std::vector<std::string> named;
  Checksum from;
  Checksum to; // of those that it holds of these

  bool is_same() const { return missing == 0 && different == 0; }
};

// kNotFound when `from` has no such collection; where `to` has none, everything is missing.
net::Task<Result<Comparison>> compare_documents(store::Store& from, store::Store& to,
                                                store::CollectionKey key, const Clock& clock);
// Of all kinds and tenants.
net::Task<Result<Comparison>> compare_records(store::Store& from, store::Store& to,
                                              const Clock& clock);

} // namespace raglan::migration
