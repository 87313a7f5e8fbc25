#include "rag/lexical_query.h"

#include <algorithm>
#include <array>

namespace raglan::rag {
namespace {

// In order. Articles, prepositions and the like are left out by the index's analyzer.
constexpr std::array<std::string_view, 43> kQuestionWords = {
    "about", "am",    "any",   "been", "being",  "can",   "could", "did",   "do",  "does",  "doing",
    "done",  "had",   "has",   "have", "having", "how",   "i",     "may",   "me",  "might", "mine",
    "must",  "my",    "our",   "s",    "should", "some",  "t",     "us",    "we",  "were",  "what",
    "when",  "where", "which", "who",  "whom",   "whose", "why",   "would", "you", "your"};
static_assert(std::ranges::is_sorted(kQuestionWords));

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

bool is_question_word(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return std::ranges::binary_search(kQuestionWords, std::string_view(lower));
}

} // namespace

std::string subject_words(std::string_view question) {
  std::string subject;
  for (std::size_t at = 0; at < question.size();) {
    std::size_t end = at;
    while (end < question.size() && is_word_byte(question[end])) ++end;
    const std::string_view word = question.substr(at, end - at);
    if (!word.empty() && !is_question_word(word)) {
      if (!subject.empty()) subject += ' ';
      subject += word;
    }
    at = std::max(end, at + 1);
  }
  return subject;
}

std::string lexical_query(std::string_view question) {
  std::string subject = subject_words(question);
  return subject.empty() ? std::string(question) : subject;
}

} // namespace raglan::rag
