#include "http/message_fields.h"

#include <array>
#include <charconv>

namespace raglan::http {
namespace {

consteval std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kTokenTable = make_token_table();

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Visible characters, space, tab, and bytes from 0x80 (which only pass through).
bool is_field_value(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

Result<> note_content_length(std::string_view value, Framing& framing) {
  if (framing.content_length) return malformed("more than one Content-Length");
  std::uint64_t length = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), length);
  // from_chars takes no sign for unsigned types and reports overflow.
  if (value.empty() || code != std::errc() || end != value.data() + value.size()) {
    return malformed("bad Content-Length");
  }
  framing.content_length = length;
  return {};
}

Result<> note_transfer_encoding(std::string_view value, Framing& framing) {
  if (framing.chunked) return malformed("more than one Transfer-Encoding");
  if (!equals_ignoring_case(value, "chunked")) {
    return fail(ErrorCode::kNotImplemented, "only the transfer coding \"chunked\" is supported");
  }
  framing.chunked = true;
  return {};
}

} // namespace

Result<std::optional<Line>> first_line(std::string_view input) {
  const auto end = input.find('\n');
  if (end == input.npos) {
    const auto carriage_return = input.find('\r');
    if (carriage_return != input.npos && carriage_return + 1 < input.size()) {
      return malformed("a line holds a bare CR");
    }
    return std::nullopt;
  }
  if (end == 0 || input[end - 1] != '\r') return malformed("a line does not end in CRLF");
  return Line{input.substr(0, end - 1), end + 1};
}

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kTokenTable[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

Result<Header> split_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return malformed("a folded header field");
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == line.npos || !is_token(name)) return malformed("bad header field name");
  const auto value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return malformed("bad character in a header field");
  return Header{name, value};
}

Result<> note_framing(const Header& field, Framing& framing) {
  const auto& [name, value] = field;
  if (equals_ignoring_case(name, "content-length")) return note_content_length(value, framing);
  if (equals_ignoring_case(name, "transfer-encoding")) {
    return note_transfer_encoding(value, framing);
  }
  if (equals_ignoring_case(name, "connection")) {
    framing.close |= has_token(value, "close");
    framing.keep_alive |= has_token(value, "keep-alive");
  }
  return {};
}

Result<> parse_field(std::string_view line, Headers& headers, Framing& framing) {
  const auto field = split_field(line);
  if (!field) return std::unexpected(field.error());
  headers.add(field->name, field->value);
  return note_framing(*field, framing);
}

Result<> check_framing(const Framing& framing, int minor_version) {
  if (framing.chunked && framing.content_length) {
    return malformed("both Content-Length and Transfer-Encoding");
  }
  if (framing.chunked && minor_version == 0) return malformed("Transfer-Encoding in HTTP/1.0");
  return {};
}

std::optional<int> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  return std::nullopt;
}

} // namespace raglan::http
