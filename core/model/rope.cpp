// Rotary position embedding, half-split layout, and the two scalings of its frequencies f. Linear (Chen et al. 2023, arXiv 2306.15595): f / factor.
// llama3 (Llama 3.1's, as transformers has it): with n = original_positions * f / 2 pi, the turns that f makes in the original length,
//   f' = s f + (1 - s) f / factor,  s = (n - low) / (high - low) cut to [0, 1]
#include "core/model/rope.hpp"

#include <numbers>

#include "core/base/error.hpp"

namespace symphony {

torch::Tensor rope_frequencies(std::int64_t head_dim, double theta, const std::optional<RopeScaling>& scaling) {
  const auto exponent_H = torch::arange(0, head_dim, 2, torch::TensorOptions().dtype(torch::kFloat64)) / static_cast<double>(head_dim);
  const auto frequency_H = torch::pow(theta, -exponent_H);
  if (!scaling) return frequency_H;
  if (scaling->kind == "linear") return frequency_H / scaling->factor;
  SYMPHONY_ASSERT(scaling->kind == "llama3");
  const auto turns_H = frequency_H * (static_cast<double>(scaling->original_positions) / (2 * std::numbers::pi));
  const double low = scaling->low_frequency_factor, high = scaling->high_frequency_factor;
  const auto kept_H = ((turns_H - low) / (high - low)).clamp(0.0, 1.0);
  return frequency_H * (kept_H + (1 - kept_H) / scaling->factor);
}

RopeTable rope_table(const torch::Tensor& positions_N, std::int64_t head_dim, double theta, torch::ScalarType dtype,
                     const std::optional<RopeScaling>& scaling) {
  // A table of the positions between the smallest and the largest: short both for a long prompt and for one token far into a text.
  const auto first = positions_N.min().item<std::int64_t>();
  const auto last = positions_N.max().item<std::int64_t>();
  if (first < 0) fail<DataError>("rope", "got position {}, expected positions of 0 or more", first);
  const auto wide = torch::TensorOptions().dtype(torch::kFloat64);
  const auto angle_PH = torch::outer(torch::arange(first, last + 1, wide), rope_frequencies(head_dim, theta, scaling));
  const auto options = positions_N.options().dtype(dtype);
  return {angle_PH.cos().to(options), angle_PH.sin().to(options), (positions_N - first).contiguous()};
}

torch::Tensor apply_rope(const torch::Tensor& heads_NQH, const RopeTable& table) {
  const auto cos_N1H = table.cos_PH.index_select(0, table.rows_N).unsqueeze(1);
  const auto sin_N1H = table.sin_PH.index_select(0, table.rows_N).unsqueeze(1);
  const auto halves = heads_NQH.chunk(2, -1);
  return torch::cat({halves[0] * cos_N1H - halves[1] * sin_N1H, halves[1] * cos_N1H + halves[0] * sin_N1H}, -1);
}

}  // namespace symphony
