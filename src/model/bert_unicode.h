// Unicode as the reference tokenizer sees it.
//
// Its general categories are those of Unicode 8.0 for ever (the Rust crate unicode_categories): a
// mark or a punctuation sign that came later is an ordinary letter to it. The current tables of
// utf8proc would give other token ids there, so the old ones stand here.
// tests/reference/check_tokenizer.py compares every code point. Pure; thread safe.
#pragma once

namespace raglan::model {

// Dropped when text is cleaned: control, format and private-use characters, not the white space
// ones. Unassigned code points are kept.
bool is_bert_control(char32_t c);

// Dropped when accents are stripped: general category Mn.
bool is_bert_nonspacing_mark(char32_t c);

// A token of its own: ASCII's symbols, and the P categories.
bool is_bert_punctuation(char32_t c);

// Set apart by blanks. The gap U+2B820 to U+2B91F is the reference's, as BERT's authors wrote it.
bool is_bert_ideograph(char32_t c);

// Unicode's White_Space property.
bool is_bert_space(char32_t c);

} // namespace raglan::model
