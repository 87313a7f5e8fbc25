// Who is served first when there is not enough for all.
//
// The order of the values is the order of precedence. Ingest is not a customer's tier but the work
// that can always wait.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace raglan::policy {

enum class Tier : std::uint8_t { kVip, kPaid, kFree, kIngest };

inline constexpr std::size_t kTiers = 4;
inline constexpr std::array<Tier, kTiers> kAllTiers{Tier::kVip, Tier::kPaid, Tier::kFree,
                                                    Tier::kIngest};
inline constexpr std::array<std::string_view, kTiers> kTierNames{"vip", "paid", "free", "ingest"};

constexpr std::size_t index_of(Tier tier) { return static_cast<std::size_t>(tier); }

constexpr std::string_view tier_name(Tier tier) { return kTierNames[index_of(tier)]; }

// Empty when there is none of that name.
constexpr std::optional<Tier> tier_from_name(std::string_view name) {
  for (const Tier tier : kAllTiers) {
    if (tier_name(tier) == name) return tier;
  }
  return std::nullopt;
}

} // namespace raglan::policy
