// Tokens that were verified a moment ago, and whose they are.
//
// A client sends the same token with each request, and verifying it costs far more than an answer
// that is cached: some 20 µs with HS256, 180 with EdDSA. So what was verified counts until it
// expires, until the issuer's keys are fetched again: a key that was withdrawn may be missing then,
// and all tokens are verified anew.
//
//   if (auto identity = tokens.find(token, keys, now)) return *identity;
//   …verify…
//   tokens.insert(token, keys, verified);
//
// At most kMaxTokens; where there is no room, the others of the same shard go. Kept are hashes, and
// no tokens.
//
// Thread safety: any thread, concurrently.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "auth/jwt.h"
#include "base/guarded.h"
#include "base/hash.h"

namespace raglan::auth {

class VerifiedTokens {
 public:
  static constexpr std::size_t kMaxTokens = 16'384;
  using Keys = std::shared_ptr<const KeySet>;

  std::optional<Identity> find(std::string_view token, const Keys& keys, WallTime now) const;
  void insert(std::string_view token, Keys keys, const VerifiedToken& verified);

 private:
  static constexpr std::size_t kShards = 16;

  struct Entry {
    Keys keys;
    VerifiedToken verified;
  };
  using Shard = Guarded<std::unordered_map<Hash128, Entry>>;

  static std::size_t shard_of(const Hash128& hash) { return hash.bytes[0] % kShards; }

  std::array<Shard, kShards> shards_;
};

} // namespace raglan::auth
