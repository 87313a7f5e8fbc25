// Questions by the bodies they came in: a body that was parsed before is not parsed again, which
// was a tenth of the time of an answer from the query cache.
//
// What a body says depends on its bytes, the tenant, the default of top_k and the route's parser,
// and on nothing else; all of them are compared, not just their hash. Errors are not remembered.
//
// One for each thread, without a lock: few bodies make nearly all of the repetitions, so that it
// costs little that each loop learns them for itself. Direct-mapped: a body displaces the one with
// the same place. Bounded by kPlaces × (kMaxBodyBytes and about as much parsed) a thread.
//
// Thread safety: none.
//
//   auto parsed = RememberedQueries::of_this_thread().parse(body, {parse_query, tenant, top_k});
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/query_json.h"

namespace raglan::node {

// A pure function.
using QueryParser = Result<ParsedQuery> (*)(std::string_view body, const std::string& tenant,
                                            std::uint32_t default_top_k);

class RememberedQueries {
 public:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::size_t kMaxBodyBytes = 1024; // larger ones are parsed each time

  // What decides, besides the body, what it says.
  struct Reading {
    QueryParser parser;
    std::string tenant;
    std::uint32_t default_top_k;
    bool operator==(const Reading&) const = default;
  };

  static RememberedQueries& of_this_thread();

  // What reading.parser(body, …) returns.
  Result<ParsedQuery> parse(std::string_view body, const Reading& reading);

 private:
  struct Place {
    std::string body; // empty: nothing is here; no parser takes an empty one
    Reading reading;
    ParsedQuery parsed;
  };

  std::vector<Place> places_{kPlaces};
};

} // namespace raglan::node
