// The rows of `fields`, which filters search: the fields of the documents' metadata (metadata.h).
//
// Rows beside the documents were chosen over json_extract on their metadata: an index finds rare
// matches without parsing every document, and keys need no quoting into JSON paths.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/metadata.h"
#include "store/sqlite.h"

namespace raglan::store {

void bind_field_value(Statement& statement, int index, const FieldValue& value);

// A row that is to be written.
struct FieldRow {
  std::int64_t document_key = 0;
  const Field* field = nullptr;
};
// Both belong inside a write transaction.
Result<> insert_fields(Connection& connection, std::string_view tenant, std::int64_t collection_id,
                       std::span<const FieldRow> rows);
struct FieldOwner {
  std::string_view tenant;
  std::int64_t collection_id = 0;
  std::int64_t document_key = 0;
};
// A document's rows.
Result<> delete_fields(Connection& connection, const FieldOwner& owner,
                       const std::vector<Field>& fields);

} // namespace raglan::store
