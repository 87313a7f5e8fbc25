#include "redis/cluster_map.h"

#include <algorithm>

#include <fmt/format.h>

namespace raglan::redis {

std::vector<Address> ClusterMap::candidates() {
  std::vector<Address> candidates;
  if (const TopologyPtr topology = shared_.servers.topology()) {
    for (const ServerPtr& server : topology->servers) candidates.push_back(server->address);
    const auto first = static_cast<std::ptrdiff_t>(++turn_ % candidates.size());
    std::rotate(candidates.begin(), candidates.begin() + first, candidates.end());
  }
  for (const Address& seed : shared_.deployment.addresses) {
    const auto same = [&](const Address& known) { return known.name() == seed.name(); };
    if (std::ranges::none_of(candidates, same)) candidates.push_back(seed);
  }
  return candidates;
}

net::Task<Result<SlotMap>> ClusterMap::find(Inquiry& inquiry) {
  Error last{ErrorCode::kUnavailable, "there is no server of the Redis cluster", {}};
  for (const Address& address : candidates()) {
    Command question("CLUSTER", "SLOTS");
    auto reply = co_await inquiry.ask(address, Stream::Role::kAny, std::move(question));
    if (reply && reply->is_error()) {
      // Of one that is in no cluster, the word is ERR.
      reply = fail(ErrorCode::kUnavailable,
                   fmt::format("CLUSTER SLOTS was refused: {}", reply->error_word()));
    }
    auto map = reply ? parse_slot_map(*reply, address.host) : forward_error(reply);
    if (map) co_return map;
    last = map.error();
    last.message = fmt::format("{}: {}", address.name(), last.message);
  }
  co_return std::unexpected(std::move(last));
}

} // namespace raglan::redis
