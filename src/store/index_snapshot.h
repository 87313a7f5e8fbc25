// What of an index goes into its snapshot, and the checks on the way back.
//
// The header says what the index was made for; one that was made for something else is as useless
// as a damaged one. Every segment follows with everything that makes start-up fast: vectors,
// postings, the graph. What is read is checked for being consistent (ascending ids, offsets within
// the postings, rows and links that exist), beyond the checksum: a search must not read outside its
// arrays whoever wrote the file.
//
// Thread safety: none; one thread with each reader or writer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "store/collection_index.h"
#include "store/index_segment.h"
#include "store/snapshot_file.h"

namespace raglan::store {

struct IndexSnapshot {
  std::uint64_t seq = 0;
  std::uint64_t nonce = 0; // of that commit
  std::vector<IndexSegment::Part> parts;
};

void write_index(SnapshotWriter& writer, const SnapshotStamp& stamp, const IndexSnapshot& index);
// kCorrupt when it is damaged, of another format, or was made for something else than `expected`.
Result<IndexSnapshot> read_index(SnapshotReader& reader, const SnapshotStamp& expected);

} // namespace raglan::store
