#include "balancer/message_head.h"

#include <array>
#include <cstring>

#include "http/request_target.h"

namespace raglan::balancer {
namespace {

constexpr std::size_t kMaxResponseFields = 500;

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

std::unexpected<Error> bad_response(std::string_view what) {
  Error error{ErrorCode::kUpstream, "the upstream's answer is no HTTP", {}};
  error.reason = what;
  return std::unexpected(std::move(error));
}

FieldKind kind_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, FieldKind>, 15> kKinds{{
      {"connection", FieldKind::kHopByHop},
      {"keep-alive", FieldKind::kHopByHop},
      {"proxy-connection", FieldKind::kHopByHop},
      {"te", FieldKind::kHopByHop},
      {"proxy-authenticate", FieldKind::kHopByHop},
      {"proxy-authorization", FieldKind::kHopByHop},
      {"host", FieldKind::kHost},
      {"expect", FieldKind::kExpect},
      {"upgrade", FieldKind::kUpgrade},
      {"forwarded", FieldKind::kForwarded},
      {"x-real-ip", FieldKind::kForwarded},
      {"x-forwarded-for", FieldKind::kForwarded},
      {"x-forwarded-host", FieldKind::kForwarded},
      {"x-forwarded-proto", FieldKind::kForwarded},
      {"x-request-id", FieldKind::kRequestId},
  }};
  for (const auto& [known, kind] : kKinds) {
    if (http::equals_ignoring_case(name, known)) return kind;
  }
  return FieldKind::kOther;
}

void begin(Head& head) {
  head.fields.clear();
  head.framing = {};
  head.upgrades = false;
}

// The next line of a head whose end is known, and whose lines end in CRLF.
std::string_view take_line(std::string_view& bytes) {
  const std::size_t size = bytes.find('\n') + 1;
  const std::string_view line = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return line;
}

std::string_view without_end(std::string_view line) { return line.substr(0, line.size() - 2); }

// The fields behind the first line, up to the empty one. Errors: those of http/message_fields.h;
// kHeadersTooLarge.
Result<> parse_fields(std::string_view bytes, std::size_t max_fields, Head& head) {
  bool connection_upgrade = false;
  bool has_upgrade = false;
  bool names_others = false;
  for (std::string_view line = take_line(bytes); line.size() > 2; line = take_line(bytes)) {
    if (head.fields.size() == max_fields) {
      return fail(ErrorCode::kHeadersTooLarge, "there are too many header fields");
    }
    auto field = http::split_field(without_end(line));
    if (!field) return forward_error(field);
    if (auto ok = http::note_framing(*field, head.framing); !ok) return ok;
    const FieldKind kind = kind_of(field->name);
    head.fields.push_back({kind, field->name, field->value, line});
    has_upgrade |= kind == FieldKind::kUpgrade;
    if (kind == FieldKind::kHopByHop && field->name.size() == std::strlen("connection")) {
      connection_upgrade |= http::has_token(field->value, "upgrade");
      names_others = true;
    }
  }
  head.upgrades = connection_upgrade && has_upgrade;
  if (!names_others) return {};
  // What a Connection field names is for the neighbour too. What the message rests on is not.
  for (Field& field : head.fields) {
    if (field.kind != FieldKind::kOther) continue;
    for (const Field& connection : head.fields) {
      if (!http::equals_ignoring_case(connection.name, "connection")) continue;
      if (!http::has_token(connection.value, field.name)) continue;
      if (http::equals_ignoring_case(field.name, "content-length") ||
          http::equals_ignoring_case(field.name, "transfer-encoding")) {
        return malformed("a Connection field names one that frames the message");
      }
      field.kind = FieldKind::kHopByHop;
    }
  }
  return {};
}

Result<> parse_request_line(std::string_view line, const http::RequestLimits& limits,
                            RequestHead& head) {
  auto parts = http::split_request_line(line);
  if (!parts) return forward_error(parts);
  if (parts->target.size() > limits.max_target_bytes) {
    return fail(ErrorCode::kUriTooLong, "the request's target is too long");
  }
  auto target = http::parse_target(parts->method, parts->target);
  if (!target) return forward_error(target);
  head.method = parts->method;
  head.target = parts->target;
  head.minor_version = parts->minor_version;
  head.path = target->path;
  return {};
}

} // namespace

Result<std::size_t> HeadScanner::find_end(std::string_view bytes) {
  while (true) {
    const std::size_t end = bytes.find('\n', line_begin_);
    if (end == bytes.npos) return 0;
    if (end == line_begin_ || bytes[end - 1] != '\r') {
      return malformed("a line does not end in CRLF");
    }
    const bool empty = end == line_begin_ + 1;
    line_begin_ = end + 1;
    if (empty && has_line_) {
      *this = {};
      return end + 1;
    }
    has_line_ |= !empty;
  }
}

Result<> parse_request_head(std::string_view bytes, const http::RequestLimits& limits,
                            RequestHead& head) {
  begin(head);
  if (bytes.size() > limits.max_header_bytes) {
    return fail(ErrorCode::kHeadersTooLarge, "the request's header fields are too large");
  }
  std::string_view line = take_line(bytes);
  while (line.size() == 2) line = take_line(bytes); // RFC 9112, 2.2
  head.first_line = without_end(line);
  if (auto ok = parse_request_line(head.first_line, limits, head); !ok) return ok;
  if (auto ok = parse_fields(bytes, limits.max_headers, head); !ok) return ok;
  if (auto ok = http::check_framing(head.framing, head.minor_version); !ok) return ok;
  std::size_t hosts = 0;
  head.host = {};
  head.expects_continue = false;
  for (const Field& field : head.fields) {
    if (field.kind == FieldKind::kHost) {
      head.host = field.value;
      ++hosts;
    }
    head.expects_continue |= field.kind == FieldKind::kExpect && head.minor_version == 1 &&
                             http::has_token(field.value, "100-continue");
  }
  if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) {
    return malformed("a request must have one Host field");
  }
  head.keep_alive = !head.framing.close && (head.minor_version == 1 || head.framing.keep_alive);
  return {};
}

Result<> parse_response_head(std::string_view bytes, ResponseHead& head) {
  begin(head);
  std::string_view line = take_line(bytes);
  while (line.size() == 2) line = take_line(bytes);
  head.first_line = without_end(line);
  // "HTTP/1.1 200 OK"
  const auto version = http::parse_version(head.first_line.substr(0, 8));
  const bool well = version && head.first_line.size() >= 12 && head.first_line[8] == ' ' &&
                    (head.first_line.size() == 12 || head.first_line[12] == ' ');
  if (!well) return bad_response("bad status line");
  head.minor_version = *version;
  head.status = 0;
  for (const char digit : head.first_line.substr(9, 3)) {
    if (digit < '0' || digit > '9') return bad_response("bad status");
    head.status = 10 * head.status + (digit - '0');
  }
  if (head.status < 100) return bad_response("bad status");
  if (auto ok = parse_fields(bytes, kMaxResponseFields, head); !ok) {
    return bad_response(ok.error().message);
  }
  if (auto ok = http::check_framing(head.framing, head.minor_version); !ok) {
    return bad_response(ok.error().message);
  }
  return {};
}

} // namespace raglan::balancer
