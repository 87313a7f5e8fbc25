// A document's metadata as the rows that filters search.
//
// Each top-level scalar is one row (key, kind, value); an array is one row per scalar element, so
// that a comparison matches when any element does. Objects, and whatever is nested deeper, are kept
// in the document but cannot be filtered by. Values of different kinds are never equal or ordered:
// the number 1, the string "1" and true are three different values.
//
// Rows beside the documents were chosen over json_extract on their metadata: an index finds rare
// matches without parsing every document, and keys need no quoting into JSON paths.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.h"
#include "store/sqlite.h"

namespace raglan::store {

enum class FieldKind : std::uint8_t { kNull = 0, kBoolean = 1, kNumber = 2, kString = 3 };

struct FieldValue {
  FieldKind kind = FieldKind::kNull;
  std::variant<std::int64_t, double, std::string> value; // kNull: 0; kBoolean: 0 or 1
};

struct Field {
  std::string key;
  FieldValue value;
};

// Nothing for an array or an object.
std::optional<FieldValue> field_value(const boost::json::value& scalar);
void bind_field_value(Statement& statement, int index, const FieldValue& value);

// kInvalidField when it is not a JSON object, or nested more than 32 deep.
Result<std::vector<Field>> parse_metadata(std::string_view metadata_json);

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
