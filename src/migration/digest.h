// What two stores must agree on, in 16 bytes: everything of a document or record that whoever wrote
// it gave. What a store assigns is its own: ids of chunks, versions of records, the time of
// writing.
//
// Thread safety: any.
#pragma once

#include "base/hash.h"
#include "store/records.h"
#include "store/types.h"

namespace raglan::migration {

Hash128 digest(const store::PreparedDocument& prepared);
Hash128 digest(const store::Record& record);

// Of many, each after the one before: the same for the same digests in the same order.
class Checksum {
 public:
  void add(const Hash128& digest);
  const Hash128& value() const { return value_; }

 private:
  Hash128 value_;
};

} // namespace raglan::migration
