// Members of JSON that others sent: whatever is not there, or of another type, reads as nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/clock.h"

namespace raglan {

// Null when `value` is no object or has no such member.
const boost::json::value* member_at(const boost::json::value& value, std::string_view name);
const boost::json::object* object_at(const boost::json::value& value, std::string_view name);
const boost::json::array* array_at(const boost::json::value& value, std::string_view name);
// Empty unless it is a string.
std::string_view text_at(const boost::json::value& value, std::string_view name);
// 0 unless it is a number; never NaN or infinite.
double number_at(const boost::json::value& value, std::string_view name);
// 0 unless it is a number of at least 0; its whole part, or the largest there is.
std::uint64_t count_at(const boost::json::value& value, std::string_view name);
// Of milliseconds since 1970, as they are stored (base/unix_time.h); nothing unless it is a number.
std::optional<WallTime> time_at(const boost::json::value& value, std::string_view name);

} // namespace raglan
