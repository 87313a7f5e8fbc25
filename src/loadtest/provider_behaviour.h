// How the provider stand-in behaves: how fast, how reliable, and in which way it is broken.
//
// The field table is the only list of its settings: flags of the program, the body of `POST
// /control` and what `GET /control` shows are made from it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/result.h"
#include "config/registry.h"
#include "config/secret.h"

namespace raglan::loadtest {

enum class ProviderFault {
  kNone,
  kHang,           // accepts, and never answers
  kRefuse,         // refuses connections, those that are open included
  kInvalidJson,    // 200, and a page of HTML
  kTruncated,      // 200, and the first half of the answer as if it were all
  kWrongCount,     // one vector too few
  kWrongDimension, // vectors one number too long
  kNotFinite,      // NaN in every vector
  kWrongIndex,     // indexes that begin at 1
  kShuffled,       // vectors in another order, with the right indexes: no fault, but rare
};

struct ProviderBehaviour {
  std::chrono::milliseconds latency{0}; // of a call, before its answer begins
  // Calls that it works on at a time, each for `latency`; others wait their turn, and one whose
  // client goes away takes its turn all the same. 0: all at once.
  std::size_t parallel = 0;
  std::chrono::milliseconds token_delay{0}; // between two tokens of a chat answer
  std::size_t dimensions = 384;             // unless a request names another number
  std::size_t max_batch_texts = 2048;
  std::size_t max_batch_tokens = 300'000;
  std::size_t slow_every = 0;                    // 0: never
  std::chrono::milliseconds slow_latency{1'000}; // instead of `latency`
  std::size_t error_every = 0;                   // 0: never
  std::uint16_t error_status = 500;
  std::size_t reset_every = 0;    // 0: never
  double requests_per_second = 0; // 0: as many as come
  std::size_t request_burst = 1;
  ProviderFault fault = ProviderFault::kNone;
  config::Secret api_key; // empty: none is asked for
};

void describe(config::Table<ProviderBehaviour>& table);

// The behaviour with some settings changed: names of the table, values as raglan.toml writes them.
// All that is wrong with them is in the error, kInvalidField.
Result<ProviderBehaviour> with_settings(ProviderBehaviour behaviour,
                                        const std::vector<config::Override>& settings);
// The settings of a JSON object; numbers are written as they are.
Result<std::vector<config::Override>> settings_of(const boost::json::object& object);
// Every setting's value; secrets are not shown.
boost::json::object behaviour_json(ProviderBehaviour behaviour);

} // namespace raglan::loadtest
