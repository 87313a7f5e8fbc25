// What a strategy remembers of each host, found again when others come and go.
//
// The hosts of a choice are nearly always those of the choice before: then only their ids are
// compared, and nothing is allocated or looked up.
//
// Thread safety: none; of one strategy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "policy/load_balancing.h"

namespace raglan::policy {

template <typename State>
class HostStates {
 public:
  // By place. A host that is new begins with `initial`; one that is no longer there is forgotten.
  // Valid until the next call.
  std::span<State> of(std::span<const HostLoad> hosts, const State& initial = {}) {
    if (!std::ranges::equal(hosts, ids_, {}, &HostLoad::id)) follow(hosts, initial);
    return states_;
  }

 private:
  void follow(std::span<const HostLoad> hosts, const State& initial) {
    std::vector<std::uint64_t> ids;
    std::vector<State> states;
    ids.reserve(hosts.size());
    states.reserve(hosts.size());
    for (const HostLoad& host : hosts) {
      const auto at = std::ranges::find(ids_, host.id);
      ids.push_back(host.id);
      states.push_back(at == ids_.end() ? initial
                                        : states_[static_cast<std::size_t>(at - ids_.begin())]);
    }
    ids_ = std::move(ids);
    states_ = std::move(states);
  }

  std::vector<std::uint64_t> ids_;
  std::vector<State> states_;
};

} // namespace raglan::policy
