#include "node/json_fields.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/parse.hpp>

#include "base/json_pointer.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxDepth = 32;

// Boost's parser makes infinities of 1e400 and the like. No deeper than kMaxDepth.
bool is_finite(const json::value& value) {
  if (const double* number = value.if_double()) return std::isfinite(*number);
  if (const json::array* array = value.if_array()) return std::ranges::all_of(*array, is_finite);
  if (const json::object* object = value.if_object()) {
    return std::ranges::all_of(*object,
                               [](const auto& member) { return is_finite(member.value()); });
  }
  return true;
}

} // namespace

Result<json::value> parse_json_body(std::string_view body) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error == json::error::too_deep) {
    return fail(ErrorCode::kMalformedRequest,
                fmt::format("the JSON body is nested deeper than {} levels", kMaxDepth));
  }
  if (error) {
    return fail(ErrorCode::kMalformedRequest,
                body.empty() ? "the body is empty; a JSON object is expected"
                             : fmt::format("the body is not valid JSON: {}", error.message()));
  }
  if (!is_finite(value)) {
    return fail(ErrorCode::kMalformedRequest, "the body has a number that is too large");
  }
  return value;
}

JsonFields::JsonFields(const json::value& value, std::string pointer)
    : object_(value.if_object()), pointer_(std::move(pointer)) {
  if (!object_) {
    error_ = Error{ErrorCode::kInvalidField, "a JSON object is expected", pointer_};
  }
}

std::string JsonFields::pointer_to(std::string_view name) const {
  return json_pointer(pointer_, name);
}

void JsonFields::reject(std::string_view name, std::string message) {
  if (!error_) error_ = Error{ErrorCode::kInvalidField, std::move(message), pointer_to(name)};
}

void JsonFields::reject_with(Error error) {
  if (!error_) error_ = std::move(error);
}

const json::value* JsonFields::take(std::string_view name) {
  if (std::ranges::find(known_, name) == known_.end()) known_.push_back(name);
  if (!object_) return nullptr;
  const json::value* found = object_->if_contains(name);
  return found && !found->is_null() ? found : nullptr;
}

const json::value* JsonFields::value(std::string_view name) { return take(name); }

std::optional<std::string> JsonFields::optional_string(std::string_view name,
                                                       std::size_t max_bytes) {
  const json::value* found = take(name);
  if (!found) return std::nullopt;
  const json::string* text = found->if_string();
  if (!text) {
    reject(name, fmt::format("'{}' must be a string", name));
    return std::nullopt;
  }
  if (text->size() > max_bytes) {
    reject(name, fmt::format("'{}' is longer than {} bytes", name, max_bytes));
    return std::nullopt;
  }
  return std::string(*text);
}

std::string JsonFields::string(std::string_view name, std::string_view fallback,
                               std::size_t max_bytes) {
  return optional_string(name, max_bytes).value_or(std::string(fallback));
}

std::string JsonFields::required_string(std::string_view name, std::size_t max_bytes) {
  std::optional<std::string> text = optional_string(name, max_bytes);
  if (!text) reject(name, fmt::format("'{}' is required", name));
  return std::move(text).value_or(std::string());
}

std::int64_t JsonFields::integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                                 std::int64_t max) {
  return optional_integer(name, min, max).value_or(fallback);
}

std::optional<std::int64_t> JsonFields::optional_integer(std::string_view name, std::int64_t min,
                                                         std::int64_t max) {
  const json::value* found = take(name);
  if (!found) return std::nullopt;
  boost::system::error_code error;
  const auto number = found->is_number() ? found->to_number<std::int64_t>(error) : 0;
  if (!found->is_number() || error || number < min || number > max) {
    reject(name, fmt::format("'{}' must be a whole number from {} to {}", name, min, max));
    return std::nullopt;
  }
  return number;
}

std::optional<double> JsonFields::optional_number(std::string_view name, double min, double max) {
  const json::value* found = take(name);
  if (!found) return std::nullopt;
  const double number = found->is_number() ? found->to_number<double>() : min - 1;
  if (number < min || number > max) {
    reject(name, fmt::format("'{}' must be a number from {} to {}", name, min, max));
    return std::nullopt;
  }
  return number;
}

bool JsonFields::boolean(std::string_view name, bool fallback) {
  const json::value* found = take(name);
  if (!found) return fallback;
  if (!found->is_bool()) reject(name, fmt::format("'{}' must be true or false", name));
  return found->is_bool() ? found->get_bool() : fallback;
}

std::size_t JsonFields::choice(std::string_view name,
                               std::initializer_list<std::string_view> choices,
                               std::size_t fallback) {
  const json::value* found = take(name);
  if (!found) return fallback;
  if (const json::string* text = found->if_string()) {
    const auto at = std::find(choices.begin(), choices.end(), std::string_view(*text));
    if (at != choices.end()) return static_cast<std::size_t>(at - choices.begin());
  }
  std::vector<std::string_view> named(choices);
  std::erase(named, ""); // stands for an absent one
  reject(name, fmt::format("'{}' must be one of: {}", name, fmt::join(named, ", ")));
  return fallback;
}

Result<> JsonFields::finish() {
  if (!error_) {
    for (const auto& field : *object_) {
      if (std::find(known_.begin(), known_.end(), field.key()) == known_.end()) {
        reject(field.key(), fmt::format("unknown field; known are: {}", fmt::join(known_, ", ")));
        break;
      }
    }
  }
  if (error_) return std::unexpected(*error_);
  return {};
}

} // namespace raglan::node
