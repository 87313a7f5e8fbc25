#include "store/filter_query.h"

#include <string>
#include <utility>

#include <boost/json/parse.hpp>

#include "store/metadata_fields.h"

namespace raglan::store {
namespace {

using Type = Filter::Type;

// Builds the condition on a row `d` of documents. ?1 is the tenant, ?2 the collection; the filter's
// own parameters follow in the order of `parameters`.
struct Condition {
  static constexpr int kFirstParameter = 3;

  std::string sql;
  std::vector<FieldValue> parameters;

  std::string add_parameter(FieldValue value) {
    parameters.push_back(std::move(value));
    return fmt::format("?{}", kFirstParameter + static_cast<int>(parameters.size()) - 1);
  }

  Result<> add(const Filter& filter) {
    if (filter.type == Type::kAnd || filter.type == Type::kOr) return add_combination(filter);
    return add_comparison(filter);
  }

 private:
  Result<> add_combination(const Filter& filter) {
    const bool all = filter.type == Type::kAnd;
    sql += all ? "(1" : "(0";
    for (const Filter& part : filter.filters) {
      sql += all ? " AND " : " OR ";
      if (auto ok = add(part); !ok) return ok;
    }
    sql += ')';
    return {};
  }

  Result<> add_comparison(const Filter& filter) {
    const bool negated = filter.type == Type::kNe || filter.type == Type::kNin;
    const bool list = filter.type == Type::kIn || filter.type == Type::kNin;
    if (!list && filter.values_json.size() != 1) {
      return fail(ErrorCode::kInvalidField, "a comparison has one value", "/filter");
    }
    if (filter.values_json.empty()) {
      sql += negated ? "1" : "0";
      return {};
    }
    sql += fmt::format(
        "d.document_key {} (SELECT document_key FROM fields WHERE tenant = ?1 AND "
        "collection_id = ?2 AND key = {} AND ",
        negated ? "NOT IN" : "IN", add_parameter({FieldKind::kString, filter.key}));
    if (auto ok = add_values(filter); !ok) return ok;
    sql += ')';
    return {};
  }

  Result<> add_values(const Filter& filter) {
    std::string rows;
    for (const std::string& value_json : filter.values_json) {
      boost::system::error_code error;
      auto value = field_value(boost::json::parse(value_json, error));
      if (error || !value) {
        return fail(ErrorCode::kInvalidField, "not a value to compare with", "/filter");
      }
      const int kind = std::to_underlying(value->kind);
      const std::string parameter = add_parameter(std::move(*value));
      if (const std::string_view order = order_of(filter.type); !order.empty()) {
        sql += fmt::format("kind = {} AND value {} {}", kind, order, parameter);
        return {};
      }
      rows += fmt::format("{}({}, {})", rows.empty() ? "" : ", ", kind, parameter);
    }
    sql += "(kind, value) IN (VALUES " + rows + ')';
    return {};
  }

  static std::string_view order_of(Type type) {
    switch (type) {
      case Type::kLt: return "<";
      case Type::kLte: return "<=";
      case Type::kGt: return ">";
      case Type::kGte: return ">=";
      default: return "";
    }
  }
};

} // namespace

Result<std::vector<std::uint64_t>> matching_chunks(Connection& connection, std::string_view tenant,
                                                   std::int64_t collection_id,
                                                   const Filter& filter) {
  Condition condition;
  if (auto ok = condition.add(filter); !ok) return forward_error(ok);
  auto select = connection.prepare_once(
      "SELECT d.first_chunk_id, d.chunk_count FROM documents d WHERE d.tenant = ?1 AND "
      "d.collection_id = ?2 AND " +
      condition.sql + " ORDER BY d.first_chunk_id");
  if (!select) return forward_error(select);
  select->bind(tenant, collection_id);
  int index = Condition::kFirstParameter;
  for (const FieldValue& value : condition.parameters) bind_field_value(*select, index++, value);

  std::vector<std::uint64_t> chunk_ids;
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return chunk_ids;
    const std::uint64_t first_id = select->unsigned_integer(0);
    const std::uint64_t end_id = first_id + select->unsigned_integer(1);
    for (std::uint64_t id = first_id; id < end_id; ++id) chunk_ids.push_back(id);
  }
}

} // namespace raglan::store
