// Who asks, and what they may do.
//
// Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "policy/tier.h"

namespace raglan::auth {

enum class Scope : std::uint8_t { kRead = 1, kWrite = 2, kAdmin = 4 };

std::optional<Scope> scope_from_name(std::string_view name); // "read", "write", "admin"
std::string_view scope_name(Scope scope);

class Scopes {
 public:
  constexpr Scopes() = default;
  static constexpr Scopes all() { return Scopes(7); }

  constexpr Scopes& add(Scope scope) {
    bits_ = static_cast<std::uint8_t>(bits_ | std::to_underlying(scope));
    return *this;
  }
  constexpr bool has(Scope scope) const { return (bits_ & std::to_underlying(scope)) != 0; }
  bool operator==(const Scopes&) const = default;

 private:
  constexpr explicit Scopes(std::uint8_t bits) : bits_(bits) {}
  std::uint8_t bits_ = 0;
};

// Reads names apart by blanks, as in OAuth's `scope` (RFC 6749, 3.3). Those that are not ours are
// left out.
Scopes parse_scopes(std::string_view names);
// As parse_scopes reads them.
std::string format_scopes(Scopes scopes);

struct Identity {
  std::string tenant;
  policy::Tier tier = policy::Tier::kPaid;
  Scopes scopes;
  std::string subject; // for the log: who, within the tenant; may be empty
  bool operator==(const Identity&) const = default;
};

} // namespace raglan::auth
