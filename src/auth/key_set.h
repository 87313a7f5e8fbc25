// The keys that an issuer signs with: by their ids, and how they are read from what it publishes
// (JWKS, RFC 7517, 5).
//
// Thread safety: immutable once made.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/verification_key.h"

namespace raglan::auth {

class KeySet {
 public:
  static constexpr std::size_t kMaxKeys = 100;

  // {"keys":[…]}. Keys of kinds that are not ours are left out, as the standard asks for.
  // kInvalidField: no such document, more than kMaxKeys, or none that is of use.
  static Result<KeySet> from_jwks(std::string_view json);

  // `id` may be empty.
  void add(std::string id, VerificationKey key) {
    keys_.emplace_back(std::move(id), std::move(key));
  }

  // The key of that id and algorithm; else the only one of that algorithm, if neither says which it
  // is: there is no id, or the key has none. Null: none.
  const VerificationKey* find(std::string_view id, std::string_view algorithm) const;
  // Whether `find` need not look for a newer set.
  bool knows(std::string_view id) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<std::pair<std::string, VerificationKey>> keys_;
};

} // namespace raglan::auth
