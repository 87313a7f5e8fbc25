// BERT's text normalisation, as the reference tokenizer does it: control characters out, every kind
// of white space a blank, blanks around CJK ideographs, accents stripped (NFD without nonspacing
// marks), lower case.
//
// Decomposition and case are utf8proc's (Unicode 15), with the reference's where it knows more or
// less; categories are model/bert_unicode.h's. Pure; thread safe.
#pragma once

#include <string>
#include <string_view>

namespace raglan::model {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

// Appends to `out` the code points of `text` (valid UTF-8), normalised.
void bert_normalise(std::string_view text, const BertNormalizerOptions& options,
                    std::u32string& out);

} // namespace raglan::model
