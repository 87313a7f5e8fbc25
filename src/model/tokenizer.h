// BERT's WordPiece tokenizer, read from a tokenizer.json: the same ids as the reference library's.
//
//   special tokens in the raw text → normalise → split at white space and punctuation → WordPiece
//   (greedy, longest piece first: Wu et al., 2016, as in BERT)
//
// tokenizer.json's own truncation and padding are not used: the caller decides on lengths.
// Immutable; thread safe.
//
//   auto tokenizer = Tokenizer::load(folder / "tokenizer.json");
//   TokenIds ids = tokenizer->encode("how do I vacuum?", 256);   // [CLS] … [SEP], at most 256
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/result.h"
#include "model/bert_normalizer.h"

namespace raglan::model {

using TokenIds = std::vector<std::int64_t>;

class Tokenizer {
 public:
  // Errors: kUnavailable, kCorrupt, kNotImplemented (a tokenizer of another form).
  static Result<Tokenizer> load(const std::filesystem::path& path);

  // With [CLS] in front and [SEP] behind; cut so that it has at most `max_tokens` (at least 2).
  TokenIds encode(std::string_view text, std::size_t max_tokens) const;
  // Tokens of the text alone, uncut.
  std::size_t count(std::string_view text) const;
  // No id is larger: what the model's table of words must cover.
  std::int64_t largest_id() const { return largest_id_; }

 private:
  // Hashes std::string and std::string_view alike, so that looking a piece up copies nothing.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Vocabulary = std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>>;

  using SpecialToken = std::pair<std::string, std::int64_t>;

  Result<> read_vocabulary(const boost::json::object& model);
  Result<> read_added_tokens(const boost::json::object& file);
  // Appends the ids of `text` until there are `limit`.
  void append_ids(std::string_view text, std::size_t limit, TokenIds& ids) const;
  void append_plain(std::string_view text, std::size_t limit, TokenIds& ids) const;
  void append_word(std::u32string_view word, TokenIds& ids) const;

  Vocabulary first_pieces_;                  // at a word's start
  Vocabulary inner_pieces_;                  // after it, without the "##"
  std::vector<SpecialToken> special_tokens_; // matched in the raw text; longest first
  std::string special_starts_;               // their first bytes
  std::int64_t largest_id_ = 0;
  BertNormalizerOptions normalizer_;
  std::size_t max_word_characters_ = 100;
  std::size_t longest_piece_bytes_ = 0;
  std::int64_t unknown_ = 0;
  std::int64_t cls_ = 0;
  std::int64_t sep_ = 0;
};

} // namespace raglan::model
