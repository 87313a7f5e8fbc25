// What the database no longer needs, removed a little at a time: the oldest entries of the change
// log, and the rows of collections that were dropped.
//
// In one transaction it could take minutes, in which the writers of all processes wait and the
// write-ahead log grows; so each call removes one bounded piece and commits it. Nothing but the
// database says what is left to do: what a killed process did not come to, the next one does.
//
// The change log: an index that stands before a collection's `pruned_seq` cannot catch up from the
// log and is built anew (live_index.h). The seq moves in the transaction that removes the entries,
// so that a reader sees both or neither.
//
// Thread safety: that of the connection.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "store/sqlite.h"

namespace raglan::store {

// What one call removes at most (a cascade's one text and one blob of vectors per document not
// counted, see sweep.cpp).
inline constexpr std::uint64_t kMaxSweptRows = 1000;

// So many changes beyond `change_log_max` are let be, so that a write seldom brings a sweep with
// it; a sweep removes as many.
std::uint64_t change_log_slack(std::uint64_t change_log_max);

// Removes one piece; false when there was nothing to remove. The log of each collection then holds
// its newest `change_log_max` changes at least, and fewer than the slack more. Outside of a
// transaction only.
Result<bool> sweep(Connection& connection, std::uint64_t change_log_max, const Clock& clock);

} // namespace raglan::store
