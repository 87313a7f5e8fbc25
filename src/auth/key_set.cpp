#include "auth/key_set.h"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"

namespace raglan::auth {

Result<KeySet> KeySet::from_jwks(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value document = boost::json::parse(json, error);
  const boost::json::array* entries = error ? nullptr : array_at(document, "keys");
  if (entries == nullptr) return fail(ErrorCode::kInvalidField, "not a set of keys (JWKS)");
  if (entries->size() > kMaxKeys) return fail(ErrorCode::kInvalidField, "too many keys");
  KeySet keys;
  for (const boost::json::value& entry : *entries) {
    auto key = VerificationKey::from_jwk(entry);
    if (key) keys.add(std::string(text_at(entry, "kid")), std::move(*key));
  }
  if (keys.size() == 0) return fail(ErrorCode::kInvalidField, "a set without a usable key");
  return keys;
}

bool KeySet::knows(std::string_view id) const {
  return id.empty() || std::ranges::any_of(keys_, [id](const auto& each) {
           return each.first.empty() || each.first == id;
         });
}

const VerificationKey* KeySet::find(std::string_view id, std::string_view algorithm) const {
  const VerificationKey* only = nullptr;
  std::size_t candidates = 0;
  for (const auto& [name, key] : keys_) {
    if (algorithm_name(key.algorithm()) != algorithm) continue;
    if (!id.empty() && name == id) return &key;
    if (!id.empty() && !name.empty()) continue;
    only = &key;
    ++candidates;
  }
  return candidates == 1 ? only : nullptr; // of several each might be meant
}

} // namespace raglan::auth
