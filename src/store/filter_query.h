// Which chunks a metadata filter admits.
//
// The filter becomes one SQL statement over `fields` (metadata_fields.h) in which keys and values
// are parameters. A comparison is true of a document when any of the key's values is of the wanted
// value's kind and compares so; kNe and kNin are the opposite of kEq and kIn, so they are also true
// of documents without the key. Strings compare by their bytes.
//
// Thread safety: that of the connection.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

// The ids of the matching documents' chunks, ascending. kInvalidField when a value is no JSON
// scalar or a comparison has not exactly one.
Result<std::vector<std::uint64_t>> matching_chunks(Connection& connection, std::string_view tenant,
                                                   std::int64_t collection_id,
                                                   const Filter& filter);

} // namespace raglan::store
