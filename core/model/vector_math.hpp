// What the fused float32 CPU kernels are written with: clones of a function for each instruction set, chosen at load time; 16-lane vectors
// (GCC's vector extension; lowered to two or four registers where the machine has shorter ones); reductions in a fixed order. A kernel gives
// the same bits on every machine with the same instruction set.
#pragma once

#include <bit>
#include <cstdint>

#include <torch/types.h>

#include "core/base/clones.hpp"

// The always-inlined functions below pass vectors by value; that this would change an ABI is no concern of functions without a symbol.
#pragma GCC diagnostic ignored "-Wpsabi"

#define SYMPHONY_INLINE inline __attribute__((always_inline))

namespace symphony {

/// Whether the fused kernels can read this tensor as it lies.
inline bool is_fusable(const torch::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == torch::kFloat32 && tensor.is_contiguous();
}

inline constexpr std::int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

SYMPHONY_INLINE Lanes load(const float* from) { return *reinterpret_cast<const Lanes*>(from); }
SYMPHONY_INLINE void store(float* to, Lanes values) { *reinterpret_cast<Lanes*>(to) = values; }
SYMPHONY_INLINE Lanes splat(float value) { return Lanes{} + value; }

/// The lanes' sum, pairwise.
SYMPHONY_INLINE float lane_sum(Lanes values) {
  float lane[kLanes];
  store(lane, values);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t place = 0; place < half; ++place) lane[place] += lane[place + half];
  return lane[0];
}

/// sum_i left[i] * right[i]
SYMPHONY_INLINE float dot(const float* left, const float* right, std::int64_t count) {
  Lanes total{};
  std::int64_t place = 0;
  for (; place + kLanes <= count; place += kLanes) total += load(left + place) * load(right + place);
  float result = lane_sum(total);
  for (; place < count; ++place) result += left[place] * right[place];
  return result;
}

SYMPHONY_INLINE float sum(const float* values, std::int64_t count) {
  Lanes total{};
  std::int64_t place = 0;
  for (; place + kLanes <= count; place += kLanes) total += load(values + place);
  float result = lane_sum(total);
  for (; place < count; ++place) result += values[place];
  return result;
}

SYMPHONY_INLINE float largest(const float* values, std::int64_t count) {
  float result = values[0];
  std::int64_t place = 0;
  if (count >= kLanes) {
    Lanes top = load(values);
    for (place = kLanes; place + kLanes <= count; place += kLanes) {
      const Lanes next = load(values + place);
      top = next > top ? next : top;
    }
    for (std::int64_t lane = 0; lane < kLanes; ++lane) result = top[lane] > result ? top[lane] : result;
  }
  for (; place < count; ++place) result = values[place] > result ? values[place] : result;
  return result;
}

/// exp(x) to 2 units in the last place, NaN kept, results below 1e-38 flushed to about 1e-38: x = n ln 2 + r, a polynomial of degree 6 in r,
/// and n put into the exponent. Branch-free, so that loops over it vectorise.
SYMPHONY_INLINE float fast_exp(float x) {
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.3f ? 88.3f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to an integer in the low bits
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127u) << 23);
}

/// 1 / (1 + exp(-x))
SYMPHONY_INLINE float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

}  // namespace symphony
