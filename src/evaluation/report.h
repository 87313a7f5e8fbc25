// What `raglan eval` prints: one JSON document for scripts, a table for people.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "evaluation/evaluate.h"

namespace raglan::evaluation {

// {"collection", "queries", "documents", "chunks", "dense": {"ndcg@10", "recall@10", "mrr"},
//  "bm25": {…}, "hybrid": {…}, "seconds": {"prepare", "embed", "write", "questions", "search",
//  "total"}}
boost::json::object report_json(const Evaluation& evaluation);

// Ends with a line break.
std::string report_table(const Evaluation& evaluation);

} // namespace raglan::evaluation
