#include "store/distance.h"

#include <immintrin.h>

namespace raglan::store {
namespace {

__attribute__((target("avx2,fma"))) float inner_product_avx2(const float* left, const float* right,
                                                             std::size_t count) {
  // Four accumulators hide the latency of the multiply-add.
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                    _mm256_setzero_ps()};
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    for (std::size_t j = 0; j < 4; ++j) {
      sums[j] = _mm256_fmadd_ps(_mm256_loadu_ps(left + i + 8 * j),
                                _mm256_loadu_ps(right + i + 8 * j), sums[j]);
    }
  }
  const __m256 sum =
      _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, sum);
  float total = 0;
  for (const float lane : lanes) total += lane;
  for (; i < count; ++i) total += left[i] * right[i];
  return total;
}

__attribute__((target("avx512f"))) float inner_product_avx512(const float* left, const float* right,
                                                              std::size_t count) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps()};
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    for (std::size_t j = 0; j < 4; ++j) {
      sums[j] = _mm512_fmadd_ps(_mm512_loadu_ps(left + i + 16 * j),
                                _mm512_loadu_ps(right + i + 16 * j), sums[j]);
    }
  }
  float total = _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
  for (; i < count; ++i) total += left[i] * right[i];
  return total;
}

using InnerProduct = float (*)(const float*, const float*, std::size_t);

InnerProduct choose() {
  if (__builtin_cpu_supports("avx512f")) return inner_product_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return inner_product_avx2;
  return detail::inner_product_baseline;
}

} // namespace

float detail::inner_product_baseline(const float* left, const float* right, std::size_t count) {
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += left[i + j] * right[i + j];
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  for (; i < count; ++i) total += left[i] * right[i];
  return total;
}

float inner_product(const float* left, const float* right, std::size_t count) {
  static const InnerProduct chosen = choose();
  return chosen(left, right, count);
}

} // namespace raglan::store
