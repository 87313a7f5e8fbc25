#include "store/metadata_fields.h"

#include <utility>

#include "store/bulk_insert.h"

namespace raglan::store {

void bind_field_value(Statement& statement, int index, const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) {
    statement.bind_at(index, std::string_view(*text));
  } else if (const auto* real = std::get_if<double>(&value.value)) {
    statement.bind_at(index, *real);
  } else {
    statement.bind_at(index, std::get<std::int64_t>(value.value));
  }
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
