// Reads a JSON file of a model folder. Errors name the file.
#pragma once

#include <filesystem>

#include <boost/json/object.hpp>

#include "base/result.h"

namespace raglan::model {

inline constexpr std::size_t kMaxJsonFileBytes = 64 << 20;

// kUnavailable when it cannot be read, kCorrupt when it is too large or not a JSON object.
Result<boost::json::object> read_json_object(const std::filesystem::path& path);

} // namespace raglan::model
