#include "http/request_parser.h"

#include "http/request_target.h"

namespace raglan::http {
namespace {

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

} // namespace

Result<std::size_t> RequestParser::feed(std::string_view input, Request& request) {
  if (state_ == State::kBody) return body_.decode(input, limits_.max_body_bytes, &request.body);
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
  const auto parts = split_request_line(line);
  if (!parts) return std::unexpected(parts.error());
  if (parts->target.size() > limits_.max_target_bytes) return head_too_large();
  request.method = parts->method;
  request.target = parts->target;
  request.minor_version = parts->minor_version;
  const auto target = parse_target(request.method, request.target);
  if (!target) return std::unexpected(target.error());
  request.path = target->path;
  request.query = target->query;
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
