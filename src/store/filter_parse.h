// Metadata filters as clients write them:
//   {"type":"eq"|"ne"|"lt"|"lte"|"gt"|"gte","key":"year","value":1999}
//   {"type":"in"|"nin","key":"tag","value":["a","b"]}       {"type":"and"|"or","filters":[…]}
//   {"key":"value"} means eq; several keys mean and.
// An object is read in the long form when it has "type" together with "key" or "filters"; otherwise
// it is the short form, in which "type" is a key like any other.
//
// Errors are kInvalidField, and `param` is the JSON pointer of the part at fault.
#pragma once

#include <cstddef>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/result.h"
#include "store/types.h"

namespace raglan::store {

inline constexpr std::size_t kMaxFilterDepth = 8;
inline constexpr std::size_t kMaxFilterNodes = 64;
inline constexpr std::size_t kMaxFilterValues = 1000; // over the whole filter
inline constexpr std::size_t kMaxFilterKeyBytes = 256;

// `pointer` is where `value` stands in the request, e.g. "/filter".
Result<Filter> parse_filter(const boost::json::value& value, std::string_view pointer = "/filter");

} // namespace raglan::store
