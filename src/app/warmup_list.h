// A list of questions to fill the query cache with: a file of one question a line.
//
//   # frequent on Mondays
//   how do I set up streaming replication?
//   {"query": "what is vacuum?", "collection": "pg", "top_k": 3}
//
// A line is the question's text or, when it begins with a brace, the body of a /v1/query. Empty
// lines and those that begin with # are none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "base/result.h"

namespace raglan::app {

// A body of /admin/cache/warm, {"queries": […]}, and where its questions are from.
struct WarmupBody {
  boost::json::array questions;
  std::vector<std::size_t> lines; // of the file, from 1
};

// Bodies that hold all questions of the file, each at most `per_body`. Errors: kNotFound (no such
// file), kMalformedRequest (a line that is not JSON, by its number), kTooLarge.
Result<std::vector<WarmupBody>> read_warmup_list(const std::filesystem::path& file,
                                                 std::size_t per_body);

// Such an error of the body's, by the line of the question that it is about.
Error warmup_error(Error error, const std::filesystem::path& file, const WarmupBody& body);

} // namespace raglan::app
