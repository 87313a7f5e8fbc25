// What a node's /metrics says, for differences of its counters.
//
//   const MetricsText before(text);  …  after.sum("raglan_embedding_calls_total") − before.sum(…)
//
// Thread safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace raglan::loadtest {

class MetricsText {
 public:
  explicit MetricsText(std::string text) : text_(std::move(text)) {}

  // Of all series of that name; with `label`, e.g. `stage="embed"`, of those that have it. 0 when
  // there is none.
  double sum(std::string_view name, std::string_view label = {}) const;

 private:
  std::string text_;
};

} // namespace raglan::loadtest
