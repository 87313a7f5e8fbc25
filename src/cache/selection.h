// Which entries of a cache an operator means: one, a tenant's, those of one of its collections, or
// all.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/hash.h"

namespace raglan::cache {

// What an entry belongs to: a tenant in the upper half, its collection in the lower one, both
// hashed. (Two tenants with the same 32 bits would be purged together, and nothing worse.)
using Scope = std::uint64_t;

inline std::uint32_t tenant_hash(std::string_view tenant) {
  return static_cast<std::uint32_t>(std::hash<Hash128>()(Hasher().add(tenant).finish()));
}
constexpr Scope scope_of(std::uint32_t tenant, std::uint32_t collection) {
  return Scope{tenant} << 32 | collection;
}
constexpr std::uint32_t tenant_of(Scope scope) { return static_cast<std::uint32_t>(scope >> 32); }

// Entries that fit all of these; with none, all.
struct Selection {
  std::optional<Hash128> key;
  std::optional<Scope> scope;
  std::optional<std::uint32_t> tenant;

  bool fits(const Hash128& entry_key, Scope entry_scope) const {
    return (!key || *key == entry_key) && fits(entry_scope);
  }
  bool fits(Scope entry_scope) const {
    return (!scope || *scope == entry_scope) && (!tenant || *tenant == tenant_of(entry_scope));
  }
};

} // namespace raglan::cache
