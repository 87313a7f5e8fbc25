#include "http/request_target.h"

#include <algorithm>
#include <array>

#include "http/message_fields.h"
#include "http/url.h"

namespace raglan::http {
namespace {

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

} // namespace

Result<RequestLine> split_request_line(std::string_view line) {
  const auto first_space = line.find(' ');
  const auto last_space = line.rfind(' ');
  if (first_space == line.npos || first_space == last_space) return malformed("bad request line");
  const auto method = line.substr(0, first_space);
  const auto version = parse_version(line.substr(last_space + 1));
  if (!is_token(method)) return malformed("bad method");
  if (!version) return malformed("only HTTP/1.0 and HTTP/1.1 are spoken here");
  return RequestLine{method, line.substr(first_space + 1, last_space - first_space - 1), *version};
}

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kIdempotent = {"GET",   "HEAD", "OPTIONS",
                                                                  "TRACE", "PUT",  "DELETE"};
  return std::ranges::find(kIdempotent, method) != kIdempotent.end();
}

Result<RequestTarget> parse_target(std::string_view method, std::string_view target) {
  std::string_view rest = target;
  for (const char c : rest) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#') return malformed("bad character in the target");
  }
  if (rest == "*" && method == "OPTIONS") return RequestTarget{rest, {}};
  if (!rest.starts_with('/')) {
    if (!parse_url(rest)) return malformed("bad request target");
    const auto authority_end = rest.find_first_of("/?", rest.find("//") + 2);
    rest = authority_end == rest.npos ? "/" : rest.substr(authority_end);
  }
  const auto mark = rest.find('?');
  RequestTarget parts{rest.substr(0, mark), {}};
  if (parts.path.empty()) parts.path = "/";
  if (mark != rest.npos) parts.query = rest.substr(mark + 1);
  return parts;
}

} // namespace raglan::http
