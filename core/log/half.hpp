// float32 to IEEE 754 binary16, round to nearest, ties to even. Ours, because HDF5's own conversion of custom floats takes about
// 50 ns a value, and g++ 12 has no portable 16-bit float in C++.
#pragma once

#include <bit>
#include <cstdint>

namespace symphony {

inline constexpr float kLargestHalf = 65504.0F;

/// Finite input of magnitude up to kLargestHalf gives the nearest half; larger input, infinities and NaN keep their kind.
inline std::uint16_t half_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return sign | 0x7e00U;   // NaN
  if (magnitude >= 0x477ff000U) return sign | 0x7c00U;  // 65520 and beyond round to infinity
  if (magnitude < 0x38800000U) {                        // below 2^-14: subnormal; adding 0.5 leaves the value in units of 2^-24, rounded by the FPU
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return sign | static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U);
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return sign | static_cast<std::uint16_t>((magnitude + 0xc8000fffU + odd) >> 13);  // exponent bias 127 -> 15, then round
}

}  // namespace symphony
