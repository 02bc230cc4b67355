// Up and down are summed first, because it is their sum whose sign is free; only the signs of pairs that are chosen are ever needed, and found from their rows.
#include "core/model/ffn_matching.hpp"

#include <algorithm>

#include "core/model/ffn_pair.hpp"

namespace symphony {

UnitMatch match_ffn_units(const Model& anchor, const Model& source, std::int64_t layer, bool use_signs, const UnitMatchOptions& options) {
  const FfnPair ffns(anchor, source, layer);
  torch::Tensor worth_FF = torch::zeros({ffns.num_units(), ffns.num_units()});
  ffns.add_similarity(FfnPart::up, worth_FF);
  ffns.add_similarity(FfnPart::down, worth_FF);
  if (use_signs) worth_FF.abs_();
  ffns.add_similarity(FfnPart::gate, worth_FF);
  if (!use_signs) return match_units(worth_FF, options);
  return match_signed_worth(worth_FF, [&](const std::vector<std::int64_t>& units) {
    const torch::Tensor index = torch::tensor(units, torch::kInt64);
    return ffns.pair_similarity(FfnPart::up, index) + ffns.pair_similarity(FfnPart::down, index);
  }, options);
}

std::size_t layers_at_once(const ModelSpec& spec) {
  constexpr std::int64_t kFloat32 = 4, kFloat64 = 8;
  const std::int64_t units = spec.ffn_size, width = spec.hidden_size;
  // The similarity, a part of the source as its view makes it and in float32, some units of both models in float64.
  const std::int64_t ffn = kFloat32 * units * units + 2 * kFloat32 * units * width + 3 * kFloat64 * kUnitsAtOnce * width;
  // Queries of both models, twice, and the products of all features with one another.
  const std::int64_t features = spec.num_heads * spec.head_dim, heads = kFloat64 * (4 * features * width + 2 * features * features);
  const std::int64_t allowed = 2 * kFloat32 * width * std::max(spec.vocab_size, units) + (std::int64_t{256} << 20);
  return static_cast<std::size_t>(std::max<std::int64_t>(1, allowed / std::max(ffn, heads)));
}

}  // namespace symphony
