#include "http/response_parser.h"

#include "http/response.h"

namespace raglan::http {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kUpstream, "the upstream's answer is malformed: " + std::string(what));
}

std::unexpected<Error> too_large(std::string_view what) {
  return fail(ErrorCode::kUpstream,
              "the upstream's answer has a larger " + std::string(what) + " than is accepted");
}

// What the code shared with the request parser says, as the upstream's fault.
std::unexpected<Error> upstream_error(const Error& error) {
  return error.code == ErrorCode::kTooLarge ? too_large("body") : malformed(error.message);
}

} // namespace

Result<std::size_t> ResponseParser::feed(std::string_view input, ResponseHead& head,
                                         std::string& body) {
  if (state_ != State::kBody) return feed_head(input, head);
  auto used = body_.decode(input, limits_.max_body_bytes, &body);
  if (!used) return upstream_error(used.error());
  return used;
}

Result<std::size_t> ResponseParser::feed_head(std::string_view input, ResponseHead& head) {
  std::size_t used = 0;
  while (state_ != State::kBody) {
    auto line = first_line(input.substr(used));
    if (!line) return upstream_error(line.error());
    const std::size_t size_bytes = *line ? (*line)->size_bytes : input.size() - used;
    if (header_bytes_ + size_bytes > limits_.max_header_bytes) return too_large("head");
    if (!*line) return used;
    header_bytes_ += size_bytes;
    used += size_bytes;
    auto taken = on_line((*line)->text, head);
    if (!taken) return forward_error(taken);
  }
  return used;
}

Result<> ResponseParser::on_line(std::string_view line, ResponseHead& head) {
  if (state_ == State::kStatusLine) return on_status_line(line, head);
  if (line.empty()) return on_head_end(head);
  if (head.headers.size() == limits_.max_headers) return too_large("head");
  auto parsed = parse_field(line, head.headers, framing_);
  if (!parsed) return upstream_error(parsed.error());
  return {};
}

// "HTTP/1.1 200 OK"; the reason, and with it its space, may be missing.
Result<> ResponseParser::on_status_line(std::string_view line, ResponseHead& head) {
  const auto version = parse_version(line.substr(0, 8));
  if (!version) return malformed("it is not HTTP/1.1");
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) {
    return malformed("bad status line");
  }
  int status = 0;
  for (const char digit : line.substr(9, 3)) {
    if (digit < '0' || digit > '9') return malformed("bad status");
    status = status * 10 + (digit - '0');
  }
  // 101 answers a question that this client does not ask.
  if (status < 100 || status == 101) return malformed("unexpected status");
  head.status = status;
  head.minor_version = *version;
  state_ = State::kFields;
  return {};
}

Result<> ResponseParser::on_head_end(ResponseHead& head) {
  if (head.status < 200) {
    head = {};
    framing_ = {};
    state_ = State::kStatusLine;
    return {};
  }
  auto consistent = check_framing(framing_, head.minor_version);
  if (!consistent) return upstream_error(consistent.error());
  head.keep_alive = !framing_.close && (head.minor_version == 1 || framing_.keep_alive);
  if (bodiless_ || !status_has_body(head.status)) {
    body_ = {};
  } else if (framing_.chunked) {
    body_ = BodyDecoder::chunked();
  } else if (framing_.content_length) {
    if (*framing_.content_length > limits_.max_body_bytes) return too_large("body");
    body_ = BodyDecoder::with_length(*framing_.content_length);
  } else {
    body_ = BodyDecoder::until_close();
    head.keep_alive = false;
  }
  state_ = State::kBody;
  return {};
}

} // namespace raglan::http
