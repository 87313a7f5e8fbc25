#include "store/metadata_fields.h"

#include <optional>
#include <utility>

#include <boost/json/parse.hpp>

#include "store/bulk_insert.h"

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

void bind_field_value(Statement& statement, int index, const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) {
    statement.bind_at(index, std::string_view(*text));
  } else if (const auto* real = std::get_if<double>(&value.value)) {
    statement.bind_at(index, *real);
  } else {
    statement.bind_at(index, std::get<std::int64_t>(value.value));
  }
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

Result<> insert_fields(Connection& connection, std::string_view tenant, std::int64_t collection_id,
                       std::span<const FieldRow> rows) {
  static const BulkInsert kInsert( // an array may repeat a value
      "INSERT OR IGNORE INTO fields (tenant, collection_id, key, kind, value, document_key) VALUES",
      6);
  return kInsert.run(connection, rows.size(), [&](Statement& row, int index, std::size_t i) {
    const Field& field = *rows[i].field;
    row.bind_from(index, tenant, collection_id, std::string_view(field.key),
                  std::to_underlying(field.value.kind));
    bind_field_value(row, index + 4, field.value);
    row.bind_at(index + 5, rows[i].document_key);
  });
}

Result<> delete_fields(Connection& connection, const FieldOwner& owner,
                       const std::vector<Field>& fields) {
  if (fields.empty()) return {};
  auto statement = connection.prepare(
      "DELETE FROM fields WHERE tenant = ? AND collection_id = ? AND key = ? AND kind = ? "
      "AND value = ? AND document_key = ?");
  if (!statement) return forward_error(statement);
  for (const Field& field : fields) {
    statement->bind(owner.tenant, owner.collection_id, std::string_view(field.key),
                    std::to_underlying(field.value.kind));
    bind_field_value(*statement, 5, field.value);
    statement->bind_at(6, owner.document_key);
    if (auto ok = statement->run(); !ok) return ok;
  }
  return {};
}

} // namespace raglan::store
