// Randomness as a seam.
//
// Policies take an `Rng&`; a test or a simulation seeds it and gets the same run again. The
// generator is xoshiro256** (Blackman and Vigna, 2018) seeded by splitmix64. Not for secrets:
// tokens and ids that must be unguessable come from `secure_random` below.
//
// Thread safety: none; one Rng belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace raglan {

class Rng {
 public:
  using result_type = std::uint64_t;
  explicit Rng(std::uint64_t seed);

  // Satisfies UniformRandomBitGenerator, so the <random> distributions work with it.
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }
  std::uint64_t operator()();

  // Uniform in [0, 1).
  double uniform();
  // Uniform in [0, bound); bound must be positive.
  std::uint64_t below(std::uint64_t bound);

 private:
  std::array<std::uint64_t, 4> state_;
};

// Fills `out` from the operating system's generator.
void secure_random(std::span<std::byte> out);
// A seed for an Rng, from the operating system's generator.
std::uint64_t random_seed();

} // namespace raglan
