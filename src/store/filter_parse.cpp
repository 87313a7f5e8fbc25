#include "store/filter_parse.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/json_pointer.h"
#include "base/json_text.h"

namespace raglan::store {
namespace {

namespace json = boost::json;
using Type = Filter::Type;

struct Operator {
  std::string_view name;
  Type type;
};
constexpr std::array<Operator, 10> kOperators{{{"eq", Type::kEq},
                                               {"ne", Type::kNe},
                                               {"lt", Type::kLt},
                                               {"lte", Type::kLte},
                                               {"gt", Type::kGt},
                                               {"gte", Type::kGte},
                                               {"in", Type::kIn},
                                               {"nin", Type::kNin},
                                               {"and", Type::kAnd},
                                               {"or", Type::kOr}}};

std::unexpected<Error> invalid(std::string message, std::string pointer) {
  return fail(ErrorCode::kInvalidField, std::move(message), std::move(pointer));
}

bool is_order(Type type) {
  return type == Type::kLt || type == Type::kLte || type == Type::kGt || type == Type::kGte;
}

class Parser {
 public:
  Result<Filter> parse(const json::value& value, const std::string& pointer, std::size_t depth) {
    if (depth > kMaxFilterDepth) return invalid("the filter is nested too deep", pointer);
    const json::object* object = value.if_object();
    if (object == nullptr) return invalid("a filter is an object", pointer);
    if (++nodes_ > kMaxFilterNodes) return invalid("the filter has too many parts", pointer);
    const bool long_form =
        object->contains("type") && (object->contains("key") || object->contains("filters"));
    return long_form ? parse_long(*object, pointer, depth) : parse_short(*object, pointer);
  }

 private:
  Result<Filter> parse_short(const json::object& object, const std::string& pointer) {
    Filter all{.type = Type::kAnd};
    for (const auto& [key, value] : object) {
      const std::string at = json_pointer(pointer, key);
      if (object.size() > 1 && ++nodes_ > kMaxFilterNodes) {
        return invalid("the filter has too many parts", at);
      }
      Filter equal{.type = Type::kEq};
      if (auto ok = add_key(equal, key, at); !ok) return forward_error(ok);
      if (auto ok = add_value(equal, value, at); !ok) return forward_error(ok);
      all.filters.push_back(std::move(equal));
    }
    if (all.filters.size() != 1) return all;
    Filter only = std::move(all.filters.front());
    return only;
  }

  Result<Filter> parse_long(const json::object& object, const std::string& pointer,
                            std::size_t depth) {
    const std::optional<Type> type = operator_of(object.at("type"));
    if (!type) return invalid("not an operator", json_pointer(pointer, "type"));
    const bool combines = *type == Type::kAnd || *type == Type::kOr;
    for (const auto& [name, ignored] : object) {
      const bool known =
          name == "type" || (combines ? name == "filters" : name == "key" || name == "value");
      if (!known) return invalid("unknown field", json_pointer(pointer, name));
    }
    return combines ? parse_combination(*type, object, pointer, depth)
                    : parse_comparison(*type, object, pointer);
  }

  Result<Filter> parse_combination(Type type, const json::object& object,
                                   const std::string& pointer, std::size_t depth) {
    const std::string at = json_pointer(pointer, "filters");
    const json::value* filters = object.if_contains("filters");
    if (filters == nullptr || !filters->is_array()) return invalid("must be an array", at);
    Filter combination{.type = type};
    for (const json::value& part : filters->get_array()) {
      const std::string part_at = json_pointer(at, fmt::to_string(combination.filters.size()));
      auto parsed = parse(part, part_at, depth + 1);
      if (!parsed) return parsed;
      combination.filters.push_back(std::move(*parsed));
    }
    return combination;
  }

  Result<Filter> parse_comparison(Type type, const json::object& object,
                                  const std::string& pointer) {
    Filter comparison{.type = type};
    const json::value* key = object.if_contains("key");
    const std::string key_at = json_pointer(pointer, "key");
    if (key == nullptr || !key->is_string()) return invalid("must be a string", key_at);
    if (auto ok = add_key(comparison, key->get_string(), key_at); !ok) return forward_error(ok);

    const json::value* value = object.if_contains("value");
    const std::string at = json_pointer(pointer, "value");
    if (value == nullptr) return invalid("is required", at);
    if (type != Type::kIn && type != Type::kNin) {
      if (is_order(type) && !value->is_number() && !value->is_string()) {
        return invalid("only numbers and strings have an order", at);
      }
      if (auto ok = add_value(comparison, *value, at); !ok) return forward_error(ok);
      return comparison;
    }
    if (!value->is_array()) return invalid("must be an array", at);
    for (const json::value& element : value->get_array()) {
      const std::string element_at =
          json_pointer(at, fmt::to_string(comparison.values_json.size()));
      if (auto ok = add_value(comparison, element, element_at); !ok) return forward_error(ok);
    }
    return comparison;
  }

  static Result<> add_key(Filter& filter, std::string_view key, const std::string& pointer) {
    if (key.empty() || key.size() > kMaxFilterKeyBytes) return invalid("not a key", pointer);
    filter.key = key;
    return {};
  }

  Result<> add_value(Filter& filter, const json::value& value, const std::string& pointer) {
    if (value.is_structured()) {
      return invalid("must be a string, a number, true, false or null", pointer);
    }
    if (++values_ > kMaxFilterValues) return invalid("the filter has too many values", pointer);
    filter.values_json.push_back(json_text(value));
    return {};
  }

  static std::optional<Type> operator_of(const json::value& value) {
    const json::string* name = value.if_string();
    for (const Operator& candidate : kOperators) {
      if (name != nullptr && *name == candidate.name) return candidate.type;
    }
    return std::nullopt;
  }

  std::size_t nodes_ = 0;
  std::size_t values_ = 0;
};

} // namespace

Result<Filter> parse_filter(const json::value& value, std::string_view pointer) {
  return Parser().parse(value, std::string(pointer), 1);
}

} // namespace raglan::store
