#include "postgres_store/filter_sql.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <utility>

namespace raglan::postgres_store {
namespace {

using store::FieldKind;
using store::FieldValue;
using store::Filter;
using Type = Filter::Type;

std::string_view order_of(Type type) {
  switch (type) {
    case Type::kLt: return "<";
    case Type::kLte: return "<=";
    case Type::kGt: return ">";
    case Type::kGte: return ">=";
    default: return "=";
  }
}

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidField, std::move(message), "/filter");
}

class Condition {
 public:
  explicit Condition(postgres::Statement& statement) : statement_(statement) {}

  Result<std::string> of(const Filter& filter) {
    if (filter.type == Type::kAnd || filter.type == Type::kOr) return combination(filter);
    return comparison(filter);
  }

 private:
  template <typename T>
  std::string parameter(const T& value, std::string_view type) {
    statement_.add(value);
    return fmt::format("${}::{}", statement_.size(), type);
  }

  Result<std::string> combination(const Filter& filter) {
    const bool all = filter.type == Type::kAnd;
    std::string sql = all ? "(true" : "(false";
    for (const Filter& part : filter.filters) {
      auto condition = of(part);
      if (!condition) return condition;
      sql += (all ? " AND " : " OR ") + *condition;
    }
    return sql + ')';
  }

  Result<std::string> comparison(const Filter& filter) {
    const bool negated = filter.type == Type::kNe || filter.type == Type::kNin;
    const bool list = filter.type == Type::kIn || filter.type == Type::kNin;
    if (!list && filter.values_json.size() != 1) return invalid("a comparison has one value");
    const bool known = filter.key.find('\0') == filter.key.npos; // PostgreSQL keeps no such key
    if (filter.values_json.empty() || !known) return std::string(negated ? "true" : "false");
    const std::string key = parameter(filter.key, "text");
    std::string values;
    for (const std::string& value_json : filter.values_json) {
      boost::system::error_code error;
      auto value = store::field_value(boost::json::parse(value_json, error));
      if (error || !value) return invalid("not a value to compare with");
      values += (values.empty() ? "" : " OR ") + compared(*value, order_of(filter.type));
    }
    // EXISTS, which may be an anti-join: NOT IN is a scan for each row once it outgrows work_mem.
    return fmt::format(
        "{}EXISTS (SELECT FROM raglan.field f WHERE f.tenant = $1::text AND f.collection_id = "
        "$2::int8 AND f.document_key = raglan.chunk_vector.document_key AND f.key = {} AND ({}))",
        negated ? "NOT " : "", key, values);
  }

  std::string compared(const FieldValue& value, std::string_view order) {
    const int kind = std::to_underlying(value.kind);
    if (value.kind == FieldKind::kNull) return fmt::format("f.kind = {}", kind);
    if (value.kind != FieldKind::kString) {
      const std::string number = parameter(numeric_text(value), "text");
      return fmt::format("(f.kind = {} AND f.number {} {}::numeric)", kind, order, number);
    }
    const auto& text = std::get<std::string>(value.value);
    const std::string bytes = parameter(postgres::Bytes{text}, "bytea");
    // The index knows the beginnings; they order as the whole strings do, or are equal.
    const std::string_view first = order == "<" ? "<=" : order == ">" ? ">=" : order;
    return fmt::format(
        "(f.kind = 3 AND substring(f.string FROM 1 FOR 200) {} substring({} FROM 1 FOR 200) AND "
        "f.string {} {})",
        first, bytes, order, bytes);
  }

  postgres::Statement& statement_;
};

} // namespace

Result<std::string> filter_sql(const Filter& filter, postgres::Statement& statement) {
  return Condition(statement).of(filter);
}

std::string numeric_text(const FieldValue& value) {
  if (const auto* real = std::get_if<double>(&value.value)) return fmt::format("{:.17g}", *real);
  return std::to_string(std::get<std::int64_t>(value.value));
}

} // namespace raglan::postgres_store
