// The documents that claims are measured on, and questions about them: real text, taken from a
// node's own corpus.
//
// Questions are a document's title, the headings and short lines of its text, and the first
// sentences of its paragraphs; no two are the same after normalising. Their order, which is their
// popularity where that matters, follows from the seed alone.
//
// Thread safe: functions of their arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>

#include "base/result.h"
#include "loadtest/measured_node.h"

namespace raglan::loadtest {

struct CorpusDocument {
  std::string id;
  std::string title;
  std::string text;
};

inline constexpr std::size_t kMaxCorpusDocuments = 2'000;
inline constexpr std::size_t kMaxQuestions = 10'000;

struct Corpus {
  std::vector<CorpusDocument> documents; // the first kMaxCorpusDocuments
  std::uint64_t documents_total = 0;
  std::vector<std::string> questions; // at most kMaxQuestions
};

// Of the default collection. kNotFound when it is empty.
Result<Corpus> read_corpus(MeasuredNode& node, std::uint64_t seed);

// Documents of together at most so many bytes, as /v1/documents takes them; `mark` before each id
// and text makes them others.
boost::json::array documents_of(const Corpus& corpus, std::size_t most_bytes,
                                std::string_view mark = {});

// In the order of the documents, doubles among them.
std::vector<std::string> question_texts(std::string_view title, std::string_view text);
std::vector<std::string> distinct_questions(const std::vector<CorpusDocument>& documents,
                                            std::uint64_t seed);

} // namespace raglan::loadtest
