#include "redis/slot_map.h"

#include <algorithm>

namespace raglan::redis {
namespace {

std::unexpected<Error> not_slots() {
  return fail(ErrorCode::kUpstream, "not an answer to CLUSTER SLOTS");
}

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
  HostPort master;
};

Result<Range> read_range(const Reply& reply, std::string_view asked_host) {
  if (reply.elements.size() < 3 || reply.elements[2].elements.size() < 2) return not_slots();
  const Reply& first = reply.elements[0];
  const Reply& last = reply.elements[1];
  const Reply& host = reply.elements[2].elements[0];
  const Reply& port = reply.elements[2].elements[1];
  constexpr auto kEnd = static_cast<std::int64_t>(kHashSlots);
  if (first.integer < 0 || first.integer > last.integer || last.integer >= kEnd) return not_slots();
  if (port.integer < 0 || port.integer > 0xffff) return not_slots();
  return Range{
      static_cast<std::size_t>(first.integer),
      static_cast<std::size_t>(last.integer),
      {host.text.empty() ? std::string(asked_host) : host.text,
       static_cast<std::uint16_t>(port.integer)},
  };
}

} // namespace

Result<SlotMap> parse_slot_map(const Reply& reply, std::string_view asked_host) {
  if (reply.kind != Reply::Kind::kArray) return not_slots();
  std::vector<Range> ranges;
  SlotMap map;
  for (const Reply& element : reply.elements) {
    auto range = read_range(element, asked_host);
    if (!range) return forward_error(range);
    if (range->master.host == "?" || range->master.port == 0) continue;
    map.masters.push_back(range->master);
    ranges.push_back(std::move(*range));
  }
  std::ranges::sort(map.masters);
  const auto repeated = std::ranges::unique(map.masters);
  map.masters.erase(repeated.begin(), repeated.end());
  if (map.masters.empty()) return fail(ErrorCode::kUpstream, "no server has slots in the cluster");
  map.owners.assign(kHashSlots, SlotMap::kNobody);
  for (const Range& range : ranges) {
    const auto place = std::ranges::lower_bound(map.masters, range.master);
    std::fill(map.owners.begin() + static_cast<std::ptrdiff_t>(range.first),
              map.owners.begin() + static_cast<std::ptrdiff_t>(range.last) + 1,
              static_cast<std::uint16_t>(place - map.masters.begin()));
  }
  return map;
}

} // namespace raglan::redis
