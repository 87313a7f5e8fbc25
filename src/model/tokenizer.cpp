#include "model/tokenizer.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/utf8.h"
#include "model/bert_unicode.h"
#include "model/json_file.h"

namespace raglan::model {
namespace json = boost::json;
namespace {

const json::object* object_at(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  return value ? value->if_object() : nullptr;
}

bool has_type(const json::object* object, std::string_view type) {
  const json::value* value = object ? object->if_contains("type") : nullptr;
  return value && value->is_string() && value->get_string() == type;
}

bool flag(const json::object& object, std::string_view name, bool fallback) {
  const json::value* value = object.if_contains(name);
  return value && value->is_bool() ? value->get_bool() : fallback;
}

std::optional<std::int64_t> id_of(const json::value& value) {
  boost::system::error_code error;
  if (!value.is_number()) return std::nullopt;
  const auto id = value.to_number<std::int64_t>(error);
  return error || id < 0 ? std::nullopt : std::optional(id);
}

} // namespace

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  auto file = read_json_object(path);
  if (!file) return forward_error(file);
  const json::object* model = object_at(*file, "model");
  const json::object* normalizer = object_at(*file, "normalizer");
  if (!has_type(model, "WordPiece") || !has_type(normalizer, "BertNormalizer") ||
      !has_type(object_at(*file, "pre_tokenizer"), "BertPreTokenizer")) {
    return fail(ErrorCode::kNotImplemented,
                "tokenizer.json: only BERT's normaliser, splitter and WordPiece are supported");
  }
  Tokenizer tokenizer;
  tokenizer.normalizer_.clean_text = flag(*normalizer, "clean_text", true);
  tokenizer.normalizer_.handle_chinese_chars = flag(*normalizer, "handle_chinese_chars", true);
  tokenizer.normalizer_.lowercase = flag(*normalizer, "lowercase", true);
  tokenizer.normalizer_.strip_accents =
      flag(*normalizer, "strip_accents", tokenizer.normalizer_.lowercase);
  for (auto ok : {tokenizer.read_vocabulary(*model), tokenizer.read_added_tokens(*file)}) {
    if (!ok) return fail(ok.error().code, "tokenizer.json: " + ok.error().message);
  }
  return tokenizer;
}

Result<> Tokenizer::read_vocabulary(const json::object& model) {
  const json::object* vocabulary = object_at(model, "vocab");
  if (!vocabulary) return fail(ErrorCode::kCorrupt, "there is no vocabulary");
  for (const auto& entry : *vocabulary) {
    const auto id = id_of(entry.value());
    if (!id) return fail(ErrorCode::kCorrupt, "an id is no number");
    std::string_view piece = entry.key();
    const bool inner = piece.size() > 2 && piece.starts_with("##");
    if (inner) piece.remove_prefix(2);
    longest_piece_bytes_ = std::max(longest_piece_bytes_, piece.size());
    largest_id_ = std::max(largest_id_, *id);
    (inner ? inner_pieces_ : first_pieces_).emplace(piece, *id);
  }
  if (const json::value* limit = model.if_contains("max_input_chars_per_word")) {
    const auto characters = id_of(*limit);
    if (!characters) return fail(ErrorCode::kCorrupt, "max_input_chars_per_word is no number");
    max_word_characters_ = static_cast<std::size_t>(*characters);
  }
  for (const auto& [name, id] :
       {std::pair("[UNK]", &unknown_), std::pair("[CLS]", &cls_), std::pair("[SEP]", &sep_)}) {
    const auto found = first_pieces_.find(std::string_view(name));
    if (found == first_pieces_.end()) {
      return fail(ErrorCode::kCorrupt, fmt::format("the vocabulary has no {}", name));
    }
    *id = found->second;
  }
  return {};
}

Result<> Tokenizer::read_added_tokens(const json::object& file) {
  const json::value* added = file.if_contains("added_tokens");
  if (!added || !added->is_array()) return {};
  for (const json::value& token : added->get_array()) {
    const json::object* object = token.if_object();
    const json::value* content = object ? object->if_contains("content") : nullptr;
    const json::value* number = object ? object->if_contains("id") : nullptr;
    const auto id = number ? id_of(*number) : std::nullopt;
    if (!content || !content->is_string() || content->get_string().empty() || !id) {
      return fail(ErrorCode::kCorrupt, "an added token has no content or id");
    }
    // Taking blanks along (lstrip, rstrip) changes no id: blanks give none.
    if (flag(*object, "normalized", false) || flag(*object, "single_word", false)) {
      return fail(ErrorCode::kNotImplemented,
                  "added tokens matched in normalised text or as whole words are not supported");
    }
    largest_id_ = std::max(largest_id_, *id);
    special_tokens_.emplace_back(content->get_string(), *id);
    special_starts_ += content->get_string().front();
  }
  std::ranges::sort(special_tokens_, std::ranges::greater{},
                    [](const SpecialToken& token) { return token.first.size(); });
  return {};
}

TokenIds Tokenizer::encode(std::string_view text, std::size_t max_tokens) const {
  TokenIds ids{cls_};
  append_ids(text, std::max<std::size_t>(max_tokens, 2) - 1, ids);
  ids.push_back(sep_);
  return ids;
}

std::size_t Tokenizer::count(std::string_view text) const {
  TokenIds ids;
  append_ids(text, std::numeric_limits<std::size_t>::max(), ids);
  return ids.size();
}

// Cuts the text at special tokens, which keep their own id; the leftmost wins, then the longest.
void Tokenizer::append_ids(std::string_view text, std::size_t limit, TokenIds& ids) const {
  std::size_t plain_from = 0;
  std::size_t at = text.find_first_of(special_starts_);
  while (at != text.npos && ids.size() < limit) {
    const std::string_view rest = text.substr(at);
    const auto special = std::ranges::find_if(
        special_tokens_, [&](const SpecialToken& token) { return rest.starts_with(token.first); });
    std::size_t next = at + 1;
    if (special != special_tokens_.end()) {
      append_plain(text.substr(plain_from, at - plain_from), limit, ids);
      ids.push_back(special->second);
      plain_from = next = at + special->first.size();
    }
    at = text.find_first_of(special_starts_, next);
  }
  append_plain(text.substr(plain_from), limit, ids);
  if (ids.size() > limit) ids.resize(limit);
}

void Tokenizer::append_plain(std::string_view text, std::size_t limit, TokenIds& ids) const {
  // Normalised a piece at a time, so that a long text costs no more than what is kept of it.
  // Cutting at an ASCII blank changes nothing: no rule looks across one.
  constexpr std::size_t kPieceBytes = 4096;
  std::u32string normal;
  while (!text.empty() && ids.size() < limit) {
    std::size_t piece_bytes = text.size();
    if (piece_bytes > kPieceBytes) {
      const std::size_t blank = text.find(' ', kPieceBytes);
      if (blank != text.npos) piece_bytes = blank;
    }
    normal.clear();
    bert_normalise(text.substr(0, piece_bytes), normalizer_, normal);
    text.remove_prefix(piece_bytes);
    std::u32string_view rest = normal;
    while (!rest.empty() && ids.size() < limit) {
      std::size_t length = 0;
      while (length < rest.size() && !is_bert_space(rest[length]) &&
             !is_bert_punctuation(rest[length])) {
        ++length;
      }
      if (length == 0 && !is_bert_space(rest.front())) length = 1; // punctuation
      if (length > 0) append_word(rest.substr(0, length), ids);
      rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
  }
}

void Tokenizer::append_word(std::u32string_view word, TokenIds& ids) const {
  if (word.size() > max_word_characters_) {
    ids.push_back(unknown_);
    return;
  }
  std::string bytes;
  for (const char32_t c : word) append_utf8(c, bytes);
  const std::size_t before = ids.size();
  std::size_t start = 0;
  while (start < bytes.size()) {
    const Vocabulary& pieces = start == 0 ? first_pieces_ : inner_pieces_;
    const std::string_view rest = std::string_view(bytes).substr(start);
    std::size_t length = utf8_boundary(rest, longest_piece_bytes_);
    auto found = pieces.end();
    while (length > 0) {
      found = pieces.find(rest.substr(0, length));
      if (found != pieces.end()) break;
      length = utf8_boundary(rest, length - 1);
    }
    if (length == 0) { // no piece fits: the whole word is unknown
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(found->second);
    start += length;
  }
}

} // namespace raglan::model
