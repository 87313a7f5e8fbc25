// The inner product of two f32 vectors, by the widest instructions that this machine has: AVX-512,
// AVX2 with FMA, or the baseline. Chosen once, at run time, so that one binary runs everywhere.
//
// The three add in different orders, so results differ between machines in the last bits; nothing
// may compare scores for equality. Thread safe.
#pragma once

#include <cstddef>

namespace raglan::store {

// Vectors of length 1 make it the cosine. Any alignment, any count.
float inner_product(const float* left, const float* right, std::size_t count);

namespace detail {
float inner_product_baseline(const float* left, const float* right, std::size_t count);
} // namespace detail

} // namespace raglan::store
