#include "model/bert_normalizer.h"

#include <utf8proc.h>

#include <array>

namespace raglan::model {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Unicode's C categories: control, format, private use, unassigned.
bool is_other(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS: return true;
    default: return false;
  }
}

bool is_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == 0 || c == 0xfffd || is_other(c);
}

bool is_cjk_ideograph(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
         (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

void append_lower(char32_t c, std::u32string& out) {
  if (c == 0x130) { // the one letter whose full lower-case mapping is two code points
    out += U"i\u0307";
    return;
  }
  out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

// NFD of the whole text: marks must be reordered across code points before they are dropped, but as
// the nonspacing ones all are, decomposing each code point by itself gives the same letters.
void append_decomposed(char32_t c, const BertNormalizerOptions& options, std::u32string& out) {
  std::array<utf8proc_int32_t, 32> parts;
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
    if (category(part) == UTF8PROC_CATEGORY_MN) continue;
    if (options.lowercase) {
      append_lower(part, out);
    } else {
      out += part;
    }
  }
}

void append_normalised(char32_t c, const BertNormalizerOptions& options, std::u32string& out) {
  if (options.clean_text) {
    if (is_dropped(c)) return;
    if (is_unicode_white_space(c)) {
      out += U' ';
      return;
    }
  }
  const bool padded = options.handle_chinese_chars && is_cjk_ideograph(c);
  if (padded) out += U' ';
  if (options.strip_accents) {
    append_decomposed(c, options, out);
  } else if (options.lowercase) {
    append_lower(c, out);
  } else {
    out += c;
  }
  if (padded) out += U' ';
}

} // namespace

bool is_unicode_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool is_bert_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  }
  switch (category(c)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
  }
}

void bert_normalise(std::string_view text, const BertNormalizerOptions& options,
                    std::u32string& out) {
  const bool plain = options.clean_text && options.lowercase;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (plain && byte >= 0x20 && byte < 0x7f) { // the ASCII that nothing but case changes
      out += byte >= 'A' && byte <= 'Z' ? byte + 32u : byte;
      ++at;
      continue;
    }
    utf8proc_int32_t code_point = 0;
    const utf8proc_ssize_t length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                         static_cast<utf8proc_ssize_t>(text.size() - at), &code_point);
    if (length <= 0) { // not valid UTF-8: what a replacement character would give, nothing
      ++at;
      continue;
    }
    append_normalised(static_cast<char32_t>(code_point), options, out);
    at += static_cast<std::size_t>(length);
  }
}

} // namespace raglan::model
