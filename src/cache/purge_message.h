// What nodes tell each other when an operator removes cache entries: "query:SCOPE:KEY" in hex, with
// an asterisk for any key or scope, and with question marks for the collection when all of a
// tenant's are meant. Published on kPurgeChannel of Redis before the entries go from there and
// again when they are gone, behind its number (cache/purge_follower.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/selection.h"

namespace raglan::cache {

// Their names within an installation (redis::Client::name). One hash tag: in a cluster a node
// listens where they are counted and published (redis/subscriber.h).
inline constexpr std::string_view kPurgeChannel = "{purge}";
inline constexpr std::string_view kPurgeCountKey = "{purge}:count"; // the number of the last

struct PurgeMessage {
  std::string cache; // its name
  Selection selection;
};

// "SCOPE:KEY".
std::string selection_text(const Selection& selection);

std::string purge_text(const PurgeMessage& message);
// Nothing when it is none.
std::optional<PurgeMessage> parse_purge(std::string_view text);

} // namespace raglan::cache
