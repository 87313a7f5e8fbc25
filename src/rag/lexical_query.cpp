#include "rag/lexical_query.h"

#include <algorithm>
#include <array>

#include "rag/words.h"

namespace raglan::rag {
namespace {

// In order. Articles, prepositions and the like are left out by the index's analyzer.
constexpr std::array<std::string_view, 43> kQuestionWords = {
    "about", "am",    "any",   "been", "being",  "can",   "could", "did",   "do",  "does",  "doing",
    "done",  "had",   "has",   "have", "having", "how",   "i",     "may",   "me",  "might", "mine",
    "must",  "my",    "our",   "s",    "should", "some",  "t",     "us",    "we",  "were",  "what",
    "when",  "where", "which", "who",  "whom",   "whose", "why",   "would", "you", "your"};
static_assert(std::ranges::is_sorted(kQuestionWords));

bool is_question_word(std::string_view word) {
  return std::ranges::binary_search(kQuestionWords, std::string_view(lower_case(word)));
}

} // namespace

std::string subject_words(std::string_view question) {
  std::string subject;
  for (const std::string_view word : words_of(question)) {
    if (is_question_word(word)) continue;
    if (!subject.empty()) subject += ' ';
    subject += word;
  }
  return subject;
}

std::string lexical_query(std::string_view question) {
  std::string subject = subject_words(question);
  return subject.empty() ? std::string(question) : subject;
}

} // namespace raglan::rag
