// Tokens for tests without a model: a run of letters, digits and bytes beyond ASCII is one per
// eight bytes begun, any other visible byte is one. Like WordPiece it never joins two words.
#pragma once

#include <cstddef>
#include <string_view>

namespace raglan::ingest {

inline std::size_t count_words(std::string_view text) {
  std::size_t tokens = 0;
  std::size_t run = 0;
  for (const char c : text) {
    const bool in_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (in_word) {
      tokens += run++ % 8 == 0;
    } else {
      run = 0;
      tokens += static_cast<unsigned char>(c) > ' ';
    }
  }
  return tokens;
}

} // namespace raglan::ingest
