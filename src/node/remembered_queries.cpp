#include "node/remembered_queries.h"

#include <functional>

namespace raglan::node {

RememberedQueries& RememberedQueries::of_this_thread() {
  thread_local RememberedQueries queries;
  return queries;
}

Result<ParsedQuery> RememberedQueries::parse(std::string_view body, const Reading& reading) {
  if (body.empty() || body.size() > kMaxBodyBytes) {
    return reading.parser(body, reading.tenant, reading.default_top_k);
  }
  Place& place = places_[std::hash<std::string_view>()(body) % kPlaces];
  if (place.body == body && place.reading == reading) return place.parsed;
  auto parsed = reading.parser(body, reading.tenant, reading.default_top_k);
  if (parsed) place = {std::string(body), reading, *parsed};
  return parsed;
}

} // namespace raglan::node
