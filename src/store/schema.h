// The tables, and how a database of an older version becomes one of this version.
//
// `user_version` counts the migrations that were applied; each runs in the one transaction that
// opens the database for writing, so that processes that start together do not collide. A database
// of a higher version is refused. `application_id` tells Raglan's databases from others.
//
//   meta         the store's epoch: 64 random bits, made with the file
//   collections  counters, the seq of the last change, and the model of the first write. One that
//                was dropped belongs to no tenant any more (tenant '', its own in dropped_tenant)
//                until sweep.h has removed its rows
//   documents    one small row each, so that filters scan little; its chunks' ids are consecutive
//   texts        the documents' whole texts
//   vectors      per document, chunk after chunk, f32 (LE)
//   chunks       passages: their text stands here and in texts, so that a citation reads one row
//   fields       metadata as (key, kind, value) rows: what filters search (metadata_fields.h)
//   changes      the change log: which chunks each write removed and added. Per collection, the
//                newest `logged_changes`: those up to `pruned_seq` are gone
//   records      what is shared beside the documents (records.h)
//
// Every table is led by tenant and collection, or belongs to a document that is. Ids are
// AUTOINCREMENT: never used twice, even after a delete.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "store/sqlite.h"

namespace raglan::store {

inline constexpr std::int64_t kApplicationId = 0x5261676c; // "Ragl"

// Creates or migrates. Errors: kCorrupt when it is another program's database, kConflict when it
// was written by a newer Raglan. Returns the store's epoch.
Result<std::uint64_t> prepare_schema(Connection& connection);

} // namespace raglan::store
