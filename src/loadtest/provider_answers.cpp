#include "loadtest/provider_answers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/hash.h"
#include "base/rng.h"
#include "base/sentences.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxQuestionBytes = 80;

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    if (in_word(c) && !inside) words.emplace_back();
    inside = in_word(c);
    if (inside) words.back() += lower(c);
  }
  if (words.empty()) words.emplace_back(text);
  return words;
}

void add_direction(std::string_view word, std::vector<float>& sum) {
  const Hash128 hash = hash128(word);
  std::uint64_t seed = 0;
  std::memcpy(&seed, hash.bytes.data(), sizeof seed);
  Rng rng(seed);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    if (i % 64 == 0) bits = rng();
    sum[i] += (bits >> (i % 64) & 1) != 0 ? 1.0F : -1.0F;
  }
}

// The n of a line that begins with "[n]"; `line` is then what follows.
std::optional<int> passage_number(std::string_view& line) {
  const std::size_t close = line.find(']');
  if (!line.starts_with('[') || close == line.npos) return std::nullopt;
  int number = 0;
  const char* const end = line.data() + close;
  const auto [stop, error] = std::from_chars(line.data() + 1, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  line.remove_prefix(close + 1);
  return number;
}

struct NumberedPassage {
  int number = 0;
  std::string text;
};

// A passage goes on until the next one or an empty line.
std::vector<NumberedPassage> passages_of(std::string_view prompt) {
  std::vector<NumberedPassage> passages;
  bool inside = false;
  while (!prompt.empty()) {
    std::string_view line = prompt.substr(0, prompt.find('\n'));
    prompt.remove_prefix(std::min(prompt.size(), line.size() + 1));
    if (const auto number = passage_number(line)) {
      passages.push_back({*number, {}});
      inside = true;
    } else if (line.empty()) {
      inside = false;
    }
    if (inside) passages.back().text.append(line).append(" ");
  }
  return passages;
}

std::string first_sentence(std::string_view text) {
  const auto sentences = split_sentences(text);
  if (sentences.empty()) return {};
  return std::string(text.substr(sentences[0].start, sentences[0].end - sentences[0].start));
}

// Words with the white space behind them.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::size_t length = space == text.npos ? text.size() : space + 1;
    pieces.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

// A message's content: a string, or a list of parts of which some are text.
std::optional<std::string> text_of(const json::value& message) {
  const json::object* object = message.if_object();
  const json::value* content = object ? object->if_contains("content") : nullptr;
  if (!content) return std::nullopt;
  if (const json::string* text = content->if_string()) return std::string(*text);
  const json::array* parts = content->if_array();
  if (!parts) return std::nullopt;
  std::string all;
  for (const json::value& part : *parts) {
    const json::object* fields = part.if_object();
    const json::value* text = fields ? fields->if_contains("text") : nullptr;
    if (text && text->is_string()) all.append(text->get_string()).append("\n");
  }
  return all;
}

} // namespace

std::vector<float> stand_in_vector(std::string_view text, std::size_t dimension) {
  std::vector<float> sum(dimension, 0);
  for (const std::string& word : words_of(text)) add_direction(word, sum);
  double squares = 0;
  for (const float value : sum) squares += static_cast<double>(value) * value;
  if (squares == 0) { // words that cancel each other out
    sum[0] = 1;
    squares = 1;
  }
  const double length = std::sqrt(squares);
  for (float& value : sum) value = static_cast<float>(value / length);
  return sum;
}

std::size_t stand_in_tokens(std::string_view text) { return (text.size() + 3) / 4; }

Result<std::vector<std::string>> stand_in_chat(const json::array& messages) {
  std::string last;
  std::vector<NumberedPassage> passages;
  for (const json::value& message : messages) {
    auto text = text_of(message);
    if (!text) return fail(ErrorCode::kInvalidField, "a message has no content", "messages");
    auto found = passages_of(*text);
    std::ranges::move(found, std::back_inserter(passages));
    last = std::move(*text);
  }
  if (messages.empty()) return fail(ErrorCode::kInvalidField, "there is no message", "messages");
  if (passages.empty()) {
    return pieces_of("No passage was given for: " + last.substr(0, kMaxQuestionBytes));
  }
  std::string answer = "The passages say:";
  const std::size_t quoted = std::min(passages.size(), kQuotedPassages);
  for (std::size_t i = 0; i < quoted; ++i) {
    answer += fmt::format(" {} [{}]", first_sentence(passages[i].text), passages[i].number);
  }
  return pieces_of(answer);
}

std::string chat_prompt(const json::array& messages) {
  std::string prompt;
  for (const json::value& message : messages) prompt += text_of(message).value_or("") + "\n";
  return prompt;
}

} // namespace raglan::loadtest
