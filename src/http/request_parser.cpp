#include "http/request_parser.h"

namespace raglan::http {
namespace {

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

// Splits the target into path and query. Origin form ("/a?b"), absolute form ("http://host/a?b",
// which a proxy sends) and the "*" of OPTIONS; CONNECT's authority form has no use here.
Result<> split_target(Request& request) {
  std::string_view rest = request.target;
  for (const char c : rest) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#') return malformed("bad character in the target");
  }
  if (rest == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return {};
  }
  if (!rest.starts_with('/')) {
    auto absolute = parse_url(rest);
    if (!absolute) return malformed("bad request target");
    const auto authority_end = rest.find_first_of("/?", rest.find("//") + 2);
    rest = authority_end == rest.npos ? "/" : rest.substr(authority_end);
  }
  const auto mark = rest.find('?');
  request.path = rest.substr(0, mark);
  if (request.path.empty()) request.path = "/";
  if (mark != rest.npos) request.query = rest.substr(mark + 1);
  return {};
}

} // namespace

Result<std::size_t> RequestParser::feed(std::string_view input, Request& request) {
  if (state_ == State::kBody) return body_.decode(input, limits_.max_body_bytes, request.body);
  return feed_head(input, request);
}

void RequestParser::reset() {
  state_ = State::kRequestLine;
  header_bytes_ = 0;
  framing_ = {};
  body_ = {};
  expects_continue_ = false;
}

Result<std::size_t> RequestParser::feed_head(std::string_view input, Request& request) {
  std::size_t used = 0;
  while (state_ != State::kBody) {
    auto line = first_line(input.substr(used));
    if (!line) return forward_error(line);
    const std::size_t size_bytes = *line ? (*line)->size_bytes : input.size() - used;
    if (header_bytes_ + size_bytes > limits_.max_header_bytes) return head_too_large();
    if (!*line) return used;
    header_bytes_ += size_bytes;
    used += size_bytes;
    auto taken = on_line((*line)->text, request);
    if (!taken) return forward_error(taken);
  }
  return used;
}

Result<> RequestParser::on_line(std::string_view line, Request& request) {
  if (state_ == State::kRequestLine) {
    if (line.empty()) return {}; // RFC 9112, 2.2: an empty line before the request line is ignored
    return on_request_line(line, request);
  }
  if (line.empty()) return on_head_end(request);
  if (request.headers.size() == limits_.max_headers) return head_too_large();
  return parse_field(line, request.headers, framing_);
}

Result<> RequestParser::on_request_line(std::string_view line, Request& request) {
  const auto first_space = line.find(' ');
  const auto last_space = line.rfind(' ');
  if (first_space == line.npos || first_space == last_space) return malformed("bad request line");
  const auto method = line.substr(0, first_space);
  const auto target = line.substr(first_space + 1, last_space - first_space - 1);
  const auto version = parse_version(line.substr(last_space + 1));
  if (!is_token(method)) return malformed("bad method");
  if (!version) return malformed("only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (target.size() > limits_.max_target_bytes) return head_too_large();
  request.method = method;
  request.target = target;
  request.minor_version = *version;
  auto split = split_target(request);
  if (!split) return split;
  state_ = State::kFields;
  return {};
}

Result<> RequestParser::on_head_end(Request& request) {
  auto consistent = check_framing(framing_, request.minor_version);
  if (!consistent) return consistent;
  std::size_t hosts = 0;
  for (const Header field : request.headers) hosts += equals_ignoring_case(field.name, "host");
  // Two Hosts are two destinations; RFC 9112, 3.2 wants exactly one in HTTP/1.1.
  if (hosts > 1 || (hosts == 0 && request.minor_version == 1)) {
    return malformed("a request must have one Host field");
  }
  request.keep_alive = !framing_.close && (request.minor_version == 1 || framing_.keep_alive);
  if (framing_.chunked) {
    body_ = BodyDecoder::chunked();
  } else if (framing_.content_length) {
    if (*framing_.content_length > limits_.max_body_bytes) {
      return fail(ErrorCode::kTooLarge, "the body is larger than the server accepts");
    }
    body_ = BodyDecoder::with_length(*framing_.content_length);
  }
  expects_continue_ =
      request.minor_version == 1 && has_token(request.headers.get("expect"), "100-continue");
  state_ = State::kBody;
  return {};
}

std::unexpected<Error> RequestParser::head_too_large() const {
  if (state_ == State::kRequestLine) {
    return fail(ErrorCode::kUriTooLong, "the request's target is too long");
  }
  return fail(ErrorCode::kHeadersTooLarge, "the request's header fields are too large");
}

} // namespace raglan::http
