// Rotary position embedding, half-split layout.
#include "core/model/rope.hpp"

#include "core/base/error.hpp"

namespace symphony {

RopeTable rope_table(const torch::Tensor& positions_N, std::int64_t head_dim, double theta, torch::ScalarType dtype) {
  // A table of the positions between the smallest and the largest: short both for a long prompt and for one token far into a text.
  const auto first = positions_N.min().item<std::int64_t>();
  const auto last = positions_N.max().item<std::int64_t>();
  if (first < 0) fail<DataError>("rope", "got position {}, expected positions of 0 or more", first);
  const auto wide = torch::TensorOptions().dtype(torch::kFloat64);
  const auto exponent_H = torch::arange(0, head_dim, 2, wide) / static_cast<double>(head_dim);
  const auto frequency_H = torch::pow(theta, -exponent_H);
  const auto angle_PH = torch::outer(torch::arange(first, last + 1, wide), frequency_H);
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
