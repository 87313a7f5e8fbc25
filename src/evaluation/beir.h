// A labelled retrieval collection in BEIR's layout (Thakur et al., 2021):
//
//   corpus.jsonl    {"_id", "title", "text"}            one document a line
//   queries.jsonl   {"_id", "text"}                     one question a line
//   qrels/*.tsv     query-id <tab> corpus-id <tab> score, after a heading line
//
// test.tsv is read when there is one, else the only .tsv file. Questions without a judgement above
// 0 are left out, as trec_eval leaves them out.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace raglan::evaluation {

struct BeirDocument {
  std::string id;
  std::string title;
  std::string text;
};

// Document id → graded relevance; only positive grades.
using Judgements = std::map<std::string, int>;

struct BeirQuery {
  std::string id;
  std::string text;
  Judgements judgements; // never empty
};

struct BeirCollection {
  std::string name; // the folder's
  std::vector<BeirDocument> documents;
  std::vector<BeirQuery> queries;
};

// Errors: kNotFound (a file is missing), kMalformedRequest (names file and line).
Result<BeirCollection> load_beir(const std::filesystem::path& folder);

} // namespace raglan::evaluation
