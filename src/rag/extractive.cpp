#include "rag/extractive.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "store/analyzer.h"

namespace raglan::rag {
namespace {

constexpr double kMinLexical = 0.5; // without vectors: half of the question's words

std::vector<std::string_view> sentences_of(std::string_view text) {
  std::vector<std::string_view> sentences;
  std::size_t start = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool end = at == text.size() || text[at] == '\n' ||
                     (text[at] == ' ' && at > 0 && std::string_view(".!?").contains(text[at - 1]));
    if (!end) continue;
    if (at > start) sentences.push_back(text.substr(start, at - start));
    start = at + 1;
  }
  return sentences;
}

double overlap(const std::set<store::Term>& question, std::string_view sentence) {
  if (question.empty()) return 0;
  const std::vector<store::Term> terms = store::analyze(sentence);
  const std::set<store::Term> words(terms.begin(), terms.end());
  const auto common =
      std::ranges::count_if(question, [&](store::Term term) { return words.contains(term); });
  return static_cast<double>(common) / static_cast<double>(question.size());
}

} // namespace

std::vector<SentenceCandidate> candidate_sentences(std::string_view question,
                                                   std::span<const Source> sources,
                                                   const ExtractiveConfig& config) {
  const std::vector<store::Term> terms = store::analyze(question);
  const std::set<store::Term> words(terms.begin(), terms.end());
  std::vector<SentenceCandidate> candidates;
  for (const Source& source : sources) {
    for (const std::string_view sentence : sentences_of(source.text)) {
      candidates.push_back({source.n, std::string(sentence), overlap(words, sentence)});
    }
  }
  std::ranges::sort(candidates, [](const auto& left, const auto& right) {
    if (left.lexical != right.lexical) return left.lexical > right.lexical;
    return left.n < right.n;
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
  std::vector<std::pair<double, std::size_t>> scored;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    double score = candidates[i].lexical;
    if (dense) {
      score = std::inner_product(query_vector.begin(), query_vector.end(),
                                 vectors.begin() + static_cast<std::ptrdiff_t>(i * dimension), 0.0);
    }
    if (score >= (dense ? config.min_cosine : kMinLexical)) scored.emplace_back(-score, i);
  }
  if (scored.empty()) return {std::string(kNothingFound), false};
  std::ranges::sort(scored);
  if (scored.size() > config.max_sentences) scored.resize(config.max_sentences);
  ExtractiveAnswer answer{"", true};
  for (const auto& [score, i] : scored) {
    if (!answer.text.empty()) answer.text += ' ';
    answer.text += fmt::format("{} [{}]", candidates[i].text, candidates[i].n);
  }
  return answer;
}

} // namespace raglan::rag
