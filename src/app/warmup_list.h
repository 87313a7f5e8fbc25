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

// Bodies of /admin/cache/warm, which hold all questions of the file, each at most `per_body`.
// Errors: kNotFound (no such file), kMalformedRequest (a line that is not JSON, by its number),
// kTooLarge.
Result<std::vector<boost::json::array>> read_warmup_list(const std::filesystem::path& file,
                                                         std::size_t per_body);

} // namespace raglan::app
