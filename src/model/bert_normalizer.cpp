#include "model/bert_normalizer.h"

#include <utf8proc.h>

#include <array>

#include "model/bert_unicode.h"

namespace raglan::model {
namespace {

// Letters whose lower case came with Unicode 16 and 17, which the reference knows.
char32_t lower_of_new_letter(char32_t c) {
  if (c >= 0x10d50 && c <= 0x10d65) return c + 0x20; // Garay
  if (c >= 0x16ea0 && c <= 0x16eb8) return c + 0x1b; // Beria Erfe
  switch (c) {
    case 0xa7cb: return 0x0264;
    case 0xa7dc: return 0x019b;
    case 0x1c89:
    case 0xa7cc:
    case 0xa7ce:
    case 0xa7d2:
    case 0xa7d4:
    case 0xa7da: return c + 1;
    default: return c;
  }
}

void append_lower(char32_t c, std::u32string& out) {
  if (c == 0x130) { // the one letter whose lower case is two code points
    out += U"i\u0307";
    return;
  }
  const auto lower = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  out += lower == c ? lower_of_new_letter(c) : lower;
}

// One code point decomposed, without its nonspacing marks. NFD would also put marks of different
// classes in order, across code points; of those that stay here (the spacing ones) no two that
// could stand side by side are in any one vocabulary.
void append_stripped(char32_t c, bool lowercase, std::u32string& out) {
  std::array<utf8proc_int32_t, 16> parts{static_cast<utf8proc_int32_t>(c)};
  utf8proc_ssize_t count = 1;
  if (c != 0x11938) { // decomposes since Unicode 13, which the reference does not know
    int boundary = 0;
    count = utf8proc_decompose_char(parts[0], parts.data(), parts.size(), UTF8PROC_DECOMPOSE,
                                    &boundary);
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
    if (is_bert_nonspacing_mark(part)) continue;
    if (lowercase) {
      append_lower(part, out);
    } else {
      out += part;
    }
  }
}

void append_normalised(char32_t c, const BertNormalizerOptions& options, std::u32string& out) {
  if (options.clean_text) {
    if (c == 0 || c == 0xfffd || is_bert_control(c)) return;
    if (is_bert_space(c)) {
      out += U' ';
      return;
    }
  }
  const bool apart = options.handle_chinese_chars && is_bert_ideograph(c);
  if (apart) out += U' ';
  if (options.strip_accents) {
    append_stripped(c, options.lowercase, out);
  } else if (options.lowercase) {
    append_lower(c, out);
  } else {
    out += c;
  }
  if (apart) out += U' ';
}

} // namespace

void bert_normalise(std::string_view text, const BertNormalizerOptions& options,
                    std::u32string& out) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7f) { // the ASCII that nothing but case changes
      const bool lowered = options.lowercase && byte >= 'A' && byte <= 'Z';
      out += static_cast<char32_t>(lowered ? byte + 32u : byte);
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
