// Keeps the lexical index small: segments are merged, and what is dead is taken out of them.
//
// Each write adds a segment (schema.h). Of kMergeWidth segments of about one size one is made: so
// there are few, and each posting is copied a few times in its life (an LSM tree; O'Neil and
// others, 1996). The server does that by itself, as rows of postings are joined by their bytes.
// Chunks that are gone stay in postings, and each search is told of them, until they are many; then
// segments are written anew without them.
//
// What a segment says goes by a random name, its `contents`, and is kept by nodes under that
// (postings_cache.h): it gets another one when it is written anew.
//
// One transaction each, under an advisory lock of the collection: one node at a time does this, and
// what a node leaves unfinished never was. Searches and writes go on meanwhile.
//
// Thread safety: that of the session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/offload.h"
#include "postgres/client.h"

namespace raglan::postgres_store {

inline constexpr std::size_t kMergeWidth = 8;
inline constexpr std::uint64_t kLeastDead = 1'000; // before postings are rewritten for them...
inline constexpr double kDeadRatio = 0.1;          // ... and this share of the chunks

struct Segment {
  std::int64_t id = 0;
  std::uint64_t chunks = 0; // when it was made
};

// Which segments to make one of: all of the smallest size of which there are kMergeWidth; empty:
// none. Sizes are powers of kMergeWidth.
std::vector<std::int64_t> choose_merge(const std::vector<Segment>& segments);
// Whether so many dead are too many.
bool wants_rewrite(std::uint64_t chunks, std::uint64_t dead);

struct TidyParts {
  const net::Submit& executor; // for postings that are written anew
  const Clock& clock;
};

// One piece of that work. False when there was none, or another node is at it.
net::Task<Result<bool>> tidy_segments(postgres::Session& session, const TidyParts& parts,
                                      const std::string& tenant, std::int64_t collection_id,
                                      Deadline deadline);

} // namespace raglan::postgres_store
