#include "rag/extractive.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "rag/lexical_query.h"
#include "rag/sentence_candidates.h"
#include "store/analyzer.h"

namespace raglan::rag {
namespace {

// Of the sentence's own cosine; the rest is its passage's.
constexpr double kSentenceShare = 0.7;
// What all of the question's words add to a cosine.
constexpr double kLexicalWeight = 0.1;
// Sentences whose vectors are nearer than this say the same.
constexpr double kSameCosine = 0.92;
// A sentence that is so much worse than the best one only dilutes the answer.
constexpr double kMaxDistance = 0.15;
// Taken off a sentence that leans on the one before it ("However, it ...") or only points elsewhere
// ("See Section 5 for more information.").
constexpr double kDependentPenalty = 0.08;
constexpr double kPointerPenalty = 0.15;
// Taken off a row of a table, an item of a list and the like, where prose says as much.
constexpr double kLoosePenalty = 0.1;
// Without vectors: the share of the question's words that a sentence must have, and how many at
// least (all of a question that has no more): one word in common is common.
constexpr double kMinLexical = 0.5;
constexpr std::size_t kMinSharedWords = 2;
// Before there are vectors: what the rank of its passage is worth to a sentence, in shares of the
// question's words.
constexpr double kRankWeight = 0.5;
constexpr double kLoosePromise = 0.25; // taken off a loose one

using Terms = std::set<store::Term>;

Terms terms_of(std::string_view text) {
  const std::vector<store::Term> terms = store::analyze(text);
  return {terms.begin(), terms.end()};
}

void compare_words(const Terms& question, SentenceCandidate& candidate) {
  if (question.empty()) return;
  const Terms words = terms_of(candidate.sentence);
  candidate.shared_words = static_cast<std::size_t>(
      std::ranges::count_if(question, [&](store::Term term) { return words.contains(term); }));
  candidate.lexical =
      static_cast<double>(candidate.shared_words) / static_cast<double>(question.size());
}

double lexical_nearness(const SentenceCandidate& candidate) {
  const bool enough = candidate.shared_words >= kMinSharedWords || candidate.lexical == 1;
  return enough ? candidate.lexical : 0;
}

double promise(const SentenceCandidate& candidate) {
  return candidate.lexical + kRankWeight / candidate.n - (candidate.loose ? kLoosePromise : 0);
}

constexpr std::array<std::string_view, 36> kDependentBeginnings = {"Accordingly",
                                                                   "Additionally",
                                                                   "After that",
                                                                   "Also",
                                                                   "Alternatively",
                                                                   "And",
                                                                   "Another",
                                                                   "As a result",
                                                                   "As previously",
                                                                   "At this point",
                                                                   "Because of",
                                                                   "Default",
                                                                   "Defaults",
                                                                   "The default",
                                                                   "The value",
                                                                   "But",
                                                                   "By contrast",
                                                                   "Even so",
                                                                   "Finally",
                                                                   "Furthermore",
                                                                   "Hence",
                                                                   "However",
                                                                   "In addition",
                                                                   "In that",
                                                                   "In this",
                                                                   "It",
                                                                   "Moreover",
                                                                   "Otherwise",
                                                                   "So",
                                                                   "Such",
                                                                   "That",
                                                                   "Then",
                                                                   "Therefore",
                                                                   "These",
                                                                   "This",
                                                                   "Thus"};
// A passage as near as this answers, though none of its sentences alone is near: under a heading
// that is the question, the answer need not repeat it.
constexpr double kPassageDecides = 0.7;
constexpr std::array<std::string_view, 4> kPointers = {"for more information", "for more details",
                                                       "for details", "for further"};

bool begins_with_word(std::string_view text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  return text.size() > word.size() && (text[word.size()] == ' ' || text[word.size()] == ',');
}

double penalty(const SentenceCandidate& candidate) {
  if (candidate.loose) return kLoosePenalty;
  const std::string_view sentence = candidate.text;
  const bool pointer =
      begins_with_word(sentence, "See") ||
      std::ranges::any_of(kPointers, [&](auto phrase) { return sentence.contains(phrase); });
  if (pointer) return kPointerPenalty;
  if (!candidate.term.empty()) return 0; // it leans on its term, which comes along
  // Parts of lists, insertions, and ends of sentences that a formula interrupts.
  const char first = sentence.front();
  const bool dependent = first == '(' || first == '-' || (first >= 'a' && first <= 'z') ||
                         std::ranges::any_of(kDependentBeginnings, [&](auto word) {
                           return begins_with_word(sentence, word);
                         });
  return dependent ? kDependentPenalty : 0;
}

double dot(std::span<const float> left, std::span<const float> right) {
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0);
}

// One candidate's place in the choice.
struct Scored {
  std::size_t index = 0;
  double score = 0;
  double nearness = 0; // what decides whether anything was found
};

// Candidates in the order of their scores; equal ones in their own.
std::vector<Scored> score_all(std::span<const float> query_vector,
                              std::span<const SentenceCandidate> candidates,
                              std::span<const float> vectors) {
  std::vector<Scored> scored;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const SentenceCandidate& candidate = candidates[i];
    if (vectors.empty()) {
      scored.push_back({i, promise(candidate) - penalty(candidate), lexical_nearness(candidate)});
      continue;
    }
    const auto row = vectors.subspan(i * query_vector.size(), query_vector.size());
    const double cosine = dot(query_vector, row);
    const double score = kSentenceShare * cosine + (1 - kSentenceShare) * candidate.passage_cosine +
                         kLexicalWeight * candidate.lexical - penalty(candidate);
    const bool passage_decides = candidate.passage_cosine >= kPassageDecides;
    scored.push_back({i, score, passage_decides ? candidate.passage_cosine : cosine});
  }
  std::ranges::sort(scored, [](const Scored& left, const Scored& right) {
    if (left.score != right.score) return left.score > right.score;
    return left.index < right.index;
  });
  return scored;
}

// Passages overlap, and what a sentence announces may be a candidate itself.
bool says_the_same(const SentenceCandidate& left, std::span<const float> left_vector,
                   const SentenceCandidate& right, std::span<const float> right_vector) {
  const auto holds = [](const SentenceCandidate& outer, const SentenceCandidate& inner) {
    return outer.text.contains(inner.text);
  };
  if (holds(left, right) || holds(right, left)) return true;
  return !left_vector.empty() && dot(left_vector, right_vector) > kSameCosine;
}

// Sentences of one passage follow one another; passages come in the order of their best sentence.
std::string write_answer(std::vector<const SentenceCandidate*> chosen) {
  std::vector<std::uint32_t> order;
  for (const SentenceCandidate* candidate : chosen) {
    if (std::ranges::find(order, candidate->n) == order.end()) order.push_back(candidate->n);
  }
  const auto place = [&](const SentenceCandidate* candidate) {
    return std::pair(std::ranges::find(order, candidate->n) - order.begin(), candidate->start);
  };
  std::ranges::sort(chosen, {}, place);
  std::string text;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const SentenceCandidate& one = *chosen[i];
    const SentenceCandidate* before = i > 0 ? chosen[i - 1] : nullptr;
    const bool same_source = before && before->n == one.n;
    if (before) text += text.ends_with('\n') ? "" : same_source ? " " : "\n\n";
    if (!one.term.empty() && !(same_source && before->term == one.term)) {
      text += one.term + one.gap;
    }
    text += fmt::format("{}{}[{}]", one.text, one.announces ? "\n" : " ", one.n);
    if (one.announces && i + 1 < chosen.size()) text += '\n';
  }
  return text;
}

SentenceCandidate make_candidate(const Source& source, const QuotableSentence& found) {
  const auto piece = [&](std::size_t start, std::size_t end) {
    return source.text.substr(start, end - start);
  };
  SentenceCandidate candidate;
  candidate.n = source.n;
  candidate.start = found.start;
  candidate.text = piece(found.start, found.end);
  candidate.sentence = piece(found.start, found.sentence_end);
  candidate.announces = found.end > found.sentence_end;
  candidate.loose = found.loose;
  if (found.term_end > 0) {
    candidate.term = piece(found.term_start, found.term_end);
    const std::string between = piece(found.term_end, found.start);
    candidate.gap = between.find_first_not_of(" \t\r\n") == between.npos ? between : " … ";
    candidate.sentence = candidate.term + candidate.gap + candidate.sentence;
  }
  return candidate;
}

// Passages overlap, and one that begins behind a term has its sentences without it.
void drop_without_term(std::vector<SentenceCandidate>& candidates) {
  std::set<std::string> defined;
  for (const SentenceCandidate& candidate : candidates) {
    if (!candidate.term.empty()) defined.insert(candidate.text);
  }
  std::erase_if(candidates, [&](const SentenceCandidate& candidate) {
    return candidate.term.empty() && defined.contains(candidate.text);
  });
}

} // namespace

std::vector<SentenceCandidate> candidate_sentences(std::string_view question,
                                                   std::span<const Source> sources,
                                                   const ExtractiveConfig& config) {
  const Terms words = terms_of(lexical_query(question));
  std::vector<SentenceCandidate> candidates;
  for (const Source& source : sources) {
    for (const QuotableSentence& found : quotable_sentences(source.text, source.title_path)) {
      SentenceCandidate& candidate = candidates.emplace_back(make_candidate(source, found));
      compare_words(words, candidate);
      candidate.passage_cosine = source.explanation.cosine;
    }
  }
  drop_without_term(candidates);
  std::ranges::sort(candidates, [](const SentenceCandidate& left, const SentenceCandidate& right) {
    if (promise(left) != promise(right)) return promise(left) > promise(right);
    return std::pair(left.n, left.start) < std::pair(right.n, right.start);
  });
  if (candidates.size() > config.max_candidates) candidates.resize(config.max_candidates);
  return candidates;
}

ExtractiveAnswer compose_extractive(std::span<const float> query_vector,
                                    std::span<const SentenceCandidate> candidates,
                                    std::span<const float> vectors,
                                    const ExtractiveConfig& config) {
  const std::size_t dimension = query_vector.size();
  const bool dense = dimension > 0 && vectors.size() == candidates.size() * dimension;
  if (!dense) vectors = {};
  const std::vector<Scored> scored = score_all(query_vector, candidates, vectors);
  const double threshold = dense ? config.min_cosine : kMinLexical;
  const bool near =
      std::ranges::any_of(scored, [&](const Scored& one) { return one.nearness >= threshold; });
  if (!near) return {std::string(kNothingFound), false};

  const auto vector_of = [&](std::size_t i) {
    return dense ? vectors.subspan(i * dimension, dimension) : std::span<const float>();
  };
  std::vector<std::size_t> chosen;
  for (const Scored& one : scored) {
    if (chosen.size() == config.max_sentences) break;
    if (one.score < scored.front().score - kMaxDistance) break;
    const bool repeated = std::ranges::any_of(chosen, [&](std::size_t other) {
      return says_the_same(candidates[one.index], vector_of(one.index), candidates[other],
                           vector_of(other));
    });
    if (!repeated) chosen.push_back(one.index);
  }
  std::vector<const SentenceCandidate*> sentences;
  sentences.reserve(chosen.size());
  for (const std::size_t i : chosen) sentences.push_back(&candidates[i]);
  return {write_answer(std::move(sentences)), true};
}

} // namespace raglan::rag
