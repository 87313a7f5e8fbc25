#include "store/metadata.h"

#include <utility>

#include <boost/json/parse.hpp>

namespace raglan::store {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxMetadataDepth = 32;

} // namespace

std::optional<FieldValue> field_value(const json::value& scalar) {
  switch (scalar.kind()) {
    case json::kind::null: return FieldValue{FieldKind::kNull, std::int64_t{0}};
    case json::kind::bool_:
      return FieldValue{FieldKind::kBoolean, std::int64_t{scalar.get_bool() ? 1 : 0}};
    case json::kind::int64: return FieldValue{FieldKind::kNumber, scalar.get_int64()};
    case json::kind::uint64: // SQLite has no unsigned integers
      if (std::in_range<std::int64_t>(scalar.get_uint64())) {
        return FieldValue{FieldKind::kNumber, static_cast<std::int64_t>(scalar.get_uint64())};
      }
      return FieldValue{FieldKind::kNumber, static_cast<double>(scalar.get_uint64())};
    case json::kind::double_: return FieldValue{FieldKind::kNumber, scalar.get_double()};
    case json::kind::string:
      return FieldValue{FieldKind::kString, std::string(scalar.get_string())};
    case json::kind::array:
    case json::kind::object: return std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<Field>> parse_metadata(std::string_view metadata_json) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxMetadataDepth;
  const json::value root = json::parse(metadata_json, error, {}, options);
  if (error || !root.is_object()) {
    return fail(ErrorCode::kInvalidField, "metadata must be a JSON object", "/metadata");
  }
  std::vector<Field> fields;
  const auto add = [&](std::string_view key, const json::value& value) {
    if (auto scalar = field_value(value)) fields.push_back({std::string(key), std::move(*scalar)});
  };
  for (const auto& [key, value] : root.get_object()) {
    if (const json::array* elements = value.if_array()) {
      for (const json::value& element : *elements) add(key, element);
    } else {
      add(key, value);
    }
  }
  return fields;
}

} // namespace raglan::store
