#include "store/analyzer.h"

#include <libstemmer.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/utf8.h"

namespace raglan::store {
namespace {

// Lucene's English list: words that say nothing about what a text is about.
constexpr std::array<std::string_view, 33> kStopWords = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

bool is_stop_word(std::string_view word) {
  return std::binary_search(kStopWords.begin(), kStopWords.end(), word);
}

struct StemmerDeleter {
  void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};

std::string_view stem(std::string_view word) {
  thread_local const std::unique_ptr<sb_stemmer, StemmerDeleter> stemmer(
      sb_stemmer_new("english", nullptr));
  const sb_symbol* stemmed =
      sb_stemmer_stem(stemmer.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                      static_cast<int>(word.size()));
  if (!stemmed) return word; // out of memory inside the library: the word itself will do
  return {reinterpret_cast<const char*>(stemmed),
          static_cast<std::size_t>(sb_stemmer_length(stemmer.get()))};
}

void add_term(std::string_view word, std::vector<Term>& terms) {
  if (word.empty() || is_stop_word(word)) return;
  const std::string_view stemmed = stem(word.substr(0, utf8_boundary(word, kMaxWordBytes)));
  terms.push_back(XXH3_64bits(stemmed.data(), stemmed.size()));
}

bool is_ascii_word(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word(utf8proc_int32_t c) {
  const utf8proc_category_t category = utf8proc_category(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO);
}

// Case folding and compatibility composition; the text itself when it cannot be folded.
std::string fold(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
                                                      UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &folded, options);
  if (length < 0) return std::string(text);
  std::string result(reinterpret_cast<char*>(folded), static_cast<std::size_t>(length));
  std::free(folded);
  return result;
}

void analyze_ascii(std::string_view text, std::vector<Term>& terms) {
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_ascii_word(byte)) {
      word += static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
    } else {
      add_term(word, terms);
      word.clear();
    }
  }
  add_term(word, terms);
}

void analyze_unicode(std::string_view text, std::vector<Term>& terms) {
  const std::string folded = fold(text);
  std::size_t word_start = 0;
  std::size_t at = 0;
  while (at < folded.size()) {
    utf8proc_int32_t c = -1;
    const utf8proc_ssize_t step =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(folded.data() + at),
                         static_cast<utf8proc_ssize_t>(folded.size() - at), &c);
    const std::size_t length = step > 0 ? static_cast<std::size_t>(step) : 1;
    if (step <= 0 || !is_word(c)) {
      add_term(std::string_view(folded).substr(word_start, at - word_start), terms);
      word_start = at + length;
    }
    at += length;
  }
  add_term(std::string_view(folded).substr(word_start), terms);
}

} // namespace

std::vector<Term> analyze(std::string_view text) {
  std::vector<Term> terms;
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) {
    analyze_ascii(text, terms);
  } else {
    analyze_unicode(text, terms);
  }
  return terms;
}

} // namespace raglan::store
