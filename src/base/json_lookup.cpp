#include "base/json_lookup.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/json/array.hpp>

#include "base/unix_time.h"

namespace raglan {
namespace json = boost::json;

const json::value* member_at(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}

const json::object* object_at(const json::value& value, std::string_view name) {
  const json::value* member = member_at(value, name);
  return member ? member->if_object() : nullptr;
}

const json::array* array_at(const json::value& value, std::string_view name) {
  const json::value* member = member_at(value, name);
  return member ? member->if_array() : nullptr;
}

std::string_view text_at(const json::value& value, std::string_view name) {
  const json::value* member = member_at(value, name);
  const json::string* text = member ? member->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

double number_at(const json::value& value, std::string_view name) {
  const json::value* member = member_at(value, name);
  if (member == nullptr || !member->is_number()) return 0;
  boost::system::error_code failure;
  const auto number = member->to_number<double>(failure);
  return failure || !std::isfinite(number) ? 0 : number;
}

std::uint64_t count_at(const json::value& value, std::string_view name) {
  constexpr double kTooLarge = 18446744073709551616.0; // 2^64: the cast of any less is defined
  const json::value* member = member_at(value, name);
  if (member != nullptr && member->is_uint64()) return member->get_uint64();
  const double number = number_at(value, name);
  if (!(number > 0)) return 0;
  return number < kTooLarge ? static_cast<std::uint64_t>(number)
                            : std::numeric_limits<std::uint64_t>::max();
}

std::optional<WallTime> time_at(const json::value& value, std::string_view name) {
  const json::value* member = member_at(value, name);
  if (member == nullptr || !member->is_number()) return std::nullopt;
  // No later than what milliseconds of a WallTime can say.
  static const auto kLatest = static_cast<std::uint64_t>(to_unix_milliseconds(WallTime::max()));
  const std::uint64_t milliseconds = std::min(count_at(value, name), kLatest);
  return from_unix_milliseconds(static_cast<std::int64_t>(milliseconds));
}

} // namespace raglan
