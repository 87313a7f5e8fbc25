// A document's metadata as the fields that filters compare.
//
// Each top-level scalar is one field (key, kind, value); an array is one field per scalar element,
// so that a comparison matches when any element does. Objects, and whatever is nested deeper, are
// kept in the document but cannot be filtered by. Values of different kinds are never equal or
// ordered: the number 1, the string "1" and true are three different values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.h"

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

// kInvalidField when it is not a JSON object, or nested more than 32 deep.
Result<std::vector<Field>> parse_metadata(std::string_view metadata_json);

} // namespace raglan::store
