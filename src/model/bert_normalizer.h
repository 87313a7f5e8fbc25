// BERT's text normalisation, as the reference tokenizer does it: control characters out, every kind
// of white space a blank, blanks around CJK ideographs, accents stripped (NFD without nonspacing
// marks), lower case.
//
// The reference library's Unicode tables are older than ours in places; where that would change a
// token id, bert_unicode.cpp lists the code points. tests/reference compares every code point.
// Pure; thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace raglan::model {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

// Appends to `out` the code points of `text` (valid UTF-8), normalised. White space is ' '.
void bert_normalise(std::string_view text, const BertNormalizerOptions& options,
                    std::u32string& out);

// What BERT splits off as a token of its own: ASCII symbols, and Unicode's P categories.
bool is_bert_punctuation(char32_t c);

// Unicode's White_Space property.
bool is_unicode_white_space(char32_t c);

} // namespace raglan::model
