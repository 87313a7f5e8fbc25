#include "rag/follow_up.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <vector>

#include "rag/lexical_query.h"
#include "rag/words.h"
#include "store/analyzer.h"

namespace raglan::rag {
namespace {

constexpr std::size_t kMaxBytes = 8'000; // of both questions together: a search's own limit, nearly
constexpr int kMaxLookedAt = 16;         // earlier questions, the latest

// Words that stand for something named before. Not "that" and "there": mostly they do not.
constexpr std::array<std::string_view, 23> kPronouns = {
    "another", "else",  "former", "he",   "her",   "hers",   "him",  "his",
    "it",      "its",   "latter", "one",  "ones",  "others", "same", "she",
    "such",    "their", "theirs", "them", "these", "they",   "those"};
static_assert(std::ranges::is_sorted(kPronouns));

constexpr std::array<std::string_view, 8> kInterrogatives = {"how",   "what", "when",  "where",
                                                             "which", "who",  "whose", "why"};
static_assert(std::ranges::is_sorted(kInterrogatives));

// Of a question that goes on where the last one ended.
constexpr std::array<std::string_view, 8> kOpenings = {"also", "and",  "besides", "but",
                                                       "or",   "then", "though",  "so"};
// The same, of two words.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kOpeningPairs = {
    {{"how", "about"},
     {"what", "about"},
     {"what", "if"},
     {"why", "not"},
     {"how", "so"},
     {"how", "come"},
     {"what", "else"},
     {"since", "when"},
     {"in", "addition"}}};
// "this" and "that" when they end a question; "that" also when it follows one of these.
constexpr std::array<std::string_view, 12> kBeforeThat = {
    "about", "after", "before", "did", "do", "does", "for", "is", "like", "of", "was", "with"};
static_assert(std::ranges::is_sorted(kBeforeThat));

using Words = std::vector<std::string_view>; // in lower case

bool points_back(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::ranges::binary_search(kPronouns, words[i])) return true;
    if (words[i] != "this" && words[i] != "that") continue;
    if (i + 1 == words.size()) return true;
    const bool follows = i > 0 && std::ranges::binary_search(kBeforeThat, words[i - 1]);
    if (follows && words[i] == "that") return true;
  }
  return false;
}

bool goes_on(const Words& words) {
  if (std::ranges::find(kOpenings, words.front()) != kOpenings.end()) return true;
  return words.size() > 1 && std::ranges::any_of(kOpeningPairs, [&](const auto& pair) {
           return words[0] == pair.first && words[1] == pair.second;
         });
}

// "Why?", "How long?", "Who could?"
bool names_nothing(std::string_view question, const Words& words) {
  const bool short_one =
      words.size() <= 2 && std::ranges::binary_search(kInterrogatives, words.front());
  return short_one || store::analyze(subject_words(question)).empty();
}

// Whether later questions may be about what it names: "What about the ferry?", though it goes on.
bool names_subject(std::string_view question) {
  const std::string lower = lower_case(question);
  const Words words = words_of(lower);
  return !words.empty() && !points_back(words) && !names_nothing(question, words);
}

} // namespace

bool leans_on_conversation(std::string_view question) {
  const std::string lower = lower_case(question);
  const Words words = words_of(lower);
  return words.empty() || points_back(words) || goes_on(words) || names_nothing(question, words);
}

std::string with_subject(std::string_view question, std::span<const model::ChatMessage> history) {
  std::string whole(question);
  if (!leans_on_conversation(question)) return whole;
  std::string_view subject;
  int looked_at = 0;
  for (const model::ChatMessage& message : std::views::reverse(history)) {
    if (message.role != model::ChatRole::kUser) continue;
    if (++looked_at > kMaxLookedAt) break;
    if (message.text.size() + whole.size() > kMaxBytes) continue;
    subject = message.text; // the oldest, when none names one
    if (names_subject(subject)) break;
  }
  if (subject.empty()) return whole;
  return std::string(subject) + '\n' + whole;
}

} // namespace raglan::rag
