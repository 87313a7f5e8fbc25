#include "model/json_file.h"

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

namespace raglan::model {

Result<boost::json::object> read_json_object(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::ifstream file(path, std::ios::binary);
  std::error_code size_error;
  const auto size_bytes = std::filesystem::file_size(path, size_error);
  if (!file || size_error) {
    return fail(ErrorCode::kUnavailable, fmt::format("{} cannot be read", name));
  }
  if (size_bytes > kMaxJsonFileBytes) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} is too large", name));
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object()) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} is not a JSON object", name));
  }
  return std::move(value.get_object());
}

} // namespace raglan::model
