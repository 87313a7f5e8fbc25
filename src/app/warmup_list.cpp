#include "app/warmup_list.h"

#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

namespace raglan::app {
namespace json = boost::json;
namespace {

constexpr std::uintmax_t kMaxFileBytes = 16 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) + 1 - first);
}

} // namespace

Result<std::vector<WarmupBody>> read_warmup_list(const std::filesystem::path& file,
                                                 std::size_t per_body) {
  std::error_code failure;
  const std::uintmax_t size_bytes = std::filesystem::file_size(file, failure);
  std::ifstream lines(file);
  if (failure || !lines) {
    return fail(ErrorCode::kNotFound, fmt::format("{} cannot be read", file.string()));
  }
  if (size_bytes > kMaxFileBytes) {
    return fail(ErrorCode::kTooLarge, fmt::format("{} is larger than 16 MB", file.string()));
  }
  std::vector<WarmupBody> bodies;
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    json::value question = json::string(text);
    if (text.front() == '{') {
      boost::system::error_code malformed;
      question = json::parse(text, malformed);
      if (malformed) {
        return fail(ErrorCode::kMalformedRequest,
                    fmt::format("{}:{} is not JSON", file.string(), number));
      }
    }
    if (bodies.empty() || bodies.back().lines.size() == per_body) bodies.emplace_back();
    bodies.back().questions.push_back(std::move(question));
    bodies.back().lines.push_back(number);
  }
  return bodies;
}

Error warmup_error(Error error, const std::filesystem::path& file, const WarmupBody& body) {
  constexpr std::string_view kQuestions = "/queries/";
  const std::string_view param = error.param;
  if (!param.starts_with(kQuestions)) return error;
  const std::string_view rest = param.substr(kQuestions.size());
  std::size_t index = 0;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  if (failure != std::errc() || index >= body.lines.size()) return error;
  error.message = fmt::format("{}:{}: {}", file.string(), body.lines[index], error.message);
  error.param = std::string(end, rest.data() + rest.size());
  return error;
}

} // namespace raglan::app
