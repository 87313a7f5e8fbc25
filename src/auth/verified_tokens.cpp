#include "auth/verified_tokens.h"

#include <utility>

namespace raglan::auth {

std::optional<Identity> VerifiedTokens::find(std::string_view token, const Keys& keys,
                                             WallTime now) const {
  const Hash128 hash = hash128(token);
  return shards_[shard_of(hash)].with([&](const auto& entries) -> std::optional<Identity> {
    const auto found = entries.find(hash);
    if (found == entries.end()) return std::nullopt;
    const Entry& entry = found->second;
    if (entry.keys != keys || now >= entry.verified.expires) return std::nullopt;
    return entry.verified.identity;
  });
}

void VerifiedTokens::insert(std::string_view token, Keys keys, const VerifiedToken& verified) {
  const Hash128 hash = hash128(token);
  shards_[shard_of(hash)].with([&](auto& entries) {
    if (entries.size() >= kMaxTokens / kShards) entries.clear();
    entries.insert_or_assign(hash, Entry{std::move(keys), verified});
  });
}

} // namespace raglan::auth
