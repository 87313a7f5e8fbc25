#include "ingest/charset.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "base/utf8.h"
#include "ingest/html_tokenizer.h"

namespace raglan::ingest {
namespace {

using std::string_view;

struct Signature {
  string_view bytes;
  string_view format;
};

using namespace std::string_view_literals;
constexpr std::array<Signature, 11> kSignatures{{
    {"%PDF-"sv, "PDF"},
    {"%!PS"sv, "PostScript"},
    {"PK\x03\x04"sv, "ZIP"},
    {"\x1f\x8b"sv, "gzip"},
    {"\x89PNG"sv, "PNG"},
    {"\xff\xd8\xff"sv, "JPEG"},
    {"GIF8"sv, "GIF"},
    {"\x7f"
     "ELF"sv,
     "ELF"},
    {"\xff\xfe"sv, "UTF-16"},
    {"\xfe\xff"sv, "UTF-16"},
    {"{\\rtf"sv, "RTF"},
}};

// Where an HTML file must have declared its encoding (HTML Standard, 13.2.3.2).
constexpr std::size_t kDeclarationBytes = 1024;

// Windows-1252 from 0x80 to 0x9f; the rest is Latin-1. Where it has no character the control
// character of the same number stands, as the Encoding Standard says.
constexpr std::array<char16_t, 32> kWindows1252{
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

std::string from_windows_1252(string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 16);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      append_utf8(windows_1252(byte), text);
    }
  }
  return text;
}

void normalize_line_breaks(std::string& text) {
  if (text.find('\r') == text.npos) return;
  std::size_t to = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\r') {
      text[to++] = text[at];
    } else if (at + 1 == text.size() || text[at + 1] != '\n') {
      text[to++] = '\n';
    }
  }
  text.resize(to);
}

Result<> refuse_binary(string_view bytes) {
  const string_view format = binary_format(bytes);
  if (format.empty()) return {};
  if (format == "UTF-16") {
    return fail(ErrorCode::kUnsupportedMediaType, "UTF-16 is not read: convert it to UTF-8");
  }
  return fail(ErrorCode::kUnsupportedMediaType,
              format == "binary" ? std::string("this is binary, not text")
                                 : fmt::format("this is {}, which is not read", format));
}

Result<std::string> from_utf8(string_view bytes) {
  if (const std::size_t valid = valid_utf8_prefix(bytes); valid != bytes.size()) {
    return fail(ErrorCode::kMalformedRequest, fmt::format("invalid UTF-8 at byte {}", valid));
  }
  return std::string(without_byte_order_mark(bytes));
}

std::string lower(string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// What follows "charset=" or "encoding=", quotes aside.
std::string value_after(string_view text, string_view name) {
  std::size_t at = text.find(name);
  if (at == text.npos) return {};
  text.remove_prefix(at + name.size());
  const auto skip = [&](string_view these) {
    text.remove_prefix(std::min(text.find_first_not_of(these), text.size()));
  };
  skip(" \t\n");
  if (!text.starts_with('=')) return {};
  text.remove_prefix(1);
  skip(" \t\n\"'");
  return std::string(text.substr(0, text.find_first_of(" \t\n\"';/>")));
}

std::string declared_encoding(string_view bytes) {
  const std::string head = lower(bytes.substr(0, kDeclarationBytes));
  if (head.starts_with("<?xml")) {
    const std::string name = value_after(head.substr(0, head.find("?>")), "encoding");
    if (!name.empty()) return name;
  }
  HtmlTokenizer tokens(head);
  for (HtmlToken token = tokens.next(); token.kind != HtmlToken::Kind::kEnd;
       token = tokens.next()) {
    if (token.kind != HtmlToken::Kind::kStartTag || token.name != "meta") continue;
    if (const auto charset = token.attribute("charset")) return std::string(*charset);
    if (const auto content = token.attribute("content")) {
      const std::string name = value_after(*content, "charset");
      if (!name.empty()) return name;
    }
  }
  return {};
}

bool is_one_of(string_view name, std::initializer_list<string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

} // namespace

char32_t windows_1252(unsigned char byte) {
  return byte >= 0x80 && byte < 0xa0 ? kWindows1252[byte - 0x80] : byte;
}

string_view binary_format(string_view bytes) {
  for (const Signature& signature : kSignatures) {
    if (bytes.starts_with(signature.bytes)) return signature.format;
  }
  return bytes.find('\0') == bytes.npos ? "" : "binary";
}

Result<std::string> decode_text(string_view bytes) {
  if (auto text = refuse_binary(bytes); !text) return forward_error(text);
  auto text = from_utf8(bytes);
  if (text) normalize_line_breaks(*text);
  return text;
}

Result<std::string> decode_html(string_view bytes) {
  if (auto text = refuse_binary(bytes); !text) return forward_error(text);
  const std::string encoding =
      bytes.starts_with(kByteOrderMark) ? std::string("utf-8") : declared_encoding(bytes);
  Result<std::string> text;
  if (is_one_of(encoding, {"utf-8", "utf8"})) {
    text = from_utf8(bytes);
  } else if (is_one_of(encoding, {"iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252"})) {
    text = from_windows_1252(bytes);
  } else if (is_valid_utf8(bytes)) { // whatever it says; US-ASCII, most often
    text = std::string(bytes);
  } else if (is_one_of(encoding, {"", "us-ascii", "ascii"})) {
    text = from_windows_1252(bytes);
  } else {
    return fail(ErrorCode::kUnsupportedMediaType,
                "the declared encoding is not read: convert it to UTF-8");
  }
  if (text) normalize_line_breaks(*text);
  return text;
}

} // namespace raglan::ingest
