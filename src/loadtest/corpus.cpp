#include "loadtest/corpus.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/json_lookup.h"
#include "base/percent_code.h"
#include "base/rng.h"
#include "base/sentences.h"
#include "rag/query_key.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kPageSize = 100;
constexpr std::size_t kMinQuestionWords = 3;
constexpr std::size_t kMaxQuestionBytes = 200;

bool is_question(std::string_view text) {
  if (text.size() > kMaxQuestionBytes) return false;
  const auto words = 1 + static_cast<std::size_t>(std::ranges::count(text, ' '));
  const auto letters = std::ranges::count_if(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c < 0; });
  return words >= kMinQuestionWords && 2 * static_cast<std::size_t>(letters) > text.size();
}

// The mark at the start of every paragraph: no passage is one that was embedded before.
std::string marked(std::string_view text, std::string_view mark) {
  if (mark.empty()) return std::string(text);
  std::string result(mark);
  for (std::size_t at = 0; at < text.size(); ++at) {
    result += text[at];
    if (text[at] == '\n' && at > 0 && text[at - 1] == '\n') result += mark;
  }
  return result;
}

std::string one_line(std::string_view text) { return rag::normalise_query(text); }

} // namespace

std::vector<std::string> question_texts(std::string_view title, std::string_view text) {
  std::vector<std::string> found;
  const auto add = [&](std::string_view candidate) {
    std::string question = one_line(candidate);
    if (is_question(question)) found.push_back(std::move(question));
  };
  add(title);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view paragraph = rest.substr(0, rest.find("\n\n"));
    rest.remove_prefix(std::min(rest.size(), paragraph.size() + 2));
    const auto sentences = split_sentences(paragraph);
    if (sentences.empty()) continue;
    const TextSpan first = sentences.front();
    add(paragraph.substr(first.start, first.end - first.start));
  }
  return found;
}

std::vector<std::string> distinct_questions(const std::vector<CorpusDocument>& documents,
                                            std::uint64_t seed) {
  std::vector<std::string> questions;
  std::unordered_set<std::string> seen;
  for (const CorpusDocument& document : documents) {
    for (std::string& question : question_texts(document.title, document.text)) {
      if (seen.insert(question).second) questions.push_back(std::move(question));
    }
  }
  // By hand (Fisher and Yates): std::shuffle's order is another with every library.
  Rng rng(seed);
  for (std::size_t left = questions.size(); left > 1; --left) {
    std::swap(questions[left - 1], questions[rng.below(left)]);
  }
  if (questions.size() > kMaxQuestions) questions.resize(kMaxQuestions);
  return questions;
}

json::array documents_of(const Corpus& corpus, std::size_t most_bytes, std::string_view mark) {
  json::array documents;
  for (const CorpusDocument& document : corpus.documents) {
    if (document.text.empty() || document.text.size() > most_bytes) continue;
    most_bytes -= document.text.size();
    documents.push_back(json::object{{"id", fmt::format("{}{}", mark, document.id)},
                                     {"title", document.title},
                                     {"text", marked(document.text, mark)}});
  }
  return documents;
}

Result<Corpus> read_corpus(MeasuredNode& node, std::uint64_t seed) {
  Corpus corpus;
  std::string after;
  while (corpus.documents.size() < kMaxCorpusDocuments) {
    auto page = node.call(
        "GET", fmt::format("/v1/documents?limit={}&after={}", kPageSize, percent_encode(after)));
    if (!page) return forward_error(page);
    const json::array* documents = array_at(*page, "documents");
    if (documents == nullptr || documents->empty()) break;
    corpus.documents_total = count_at(*page, "total");
    for (const json::value& listed : *documents) {
      std::string id(text_at(listed, "id"));
      auto document = node.call("GET", "/v1/documents/" + percent_encode(id));
      if (!document) return forward_error(document);
      corpus.documents.push_back({std::move(id), std::string(text_at(*document, "title")),
                                  std::string(text_at(*document, "text"))});
    }
    after = text_at(*page, "next_after");
    if (after.empty()) break;
  }
  if (corpus.documents.empty()) return fail(ErrorCode::kNotFound, "there are no documents");
  corpus.questions = distinct_questions(corpus.documents, seed);
  return corpus;
}

} // namespace raglan::loadtest
