// Gains as diagonal elements.
#include "core/model/gains.hpp"

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr double kSmallestGain = 1e-3;  // of the largest

torch::Tensor gain_of(const Model& model, const NormPlace& place) { return model.tensors->get(place.gain).to(torch::kCPU, torch::kFloat64); }

}  // namespace

TransformSet fold_gains(const Model& model) {
  TransformSet set;
  for (const NormPlace& place : norm_places(model.spec)) {
    const torch::Tensor gain_D = gain_of(model, place);
    if (!(gain_D.abs().min().item<double>() > 0) || !gain_D.isfinite().all().item<bool>())
      fail<NumericError>("gains", "source '{}': a gain of '{}' is zero or not finite and cannot be folded into its readers", model.name, place.gain);
    set.emplace(place.id + ".fold", Transform::diagonal(gain_D.reciprocal()));
  }
  return set;
}

TransformSet gains_of(const Model& anchor) {
  TransformSet set;
  for (const NormPlace& place : norm_places(anchor.spec)) {
    const torch::Tensor gain_D = gain_of(anchor, place);
    const torch::Tensor sign_D = torch::where(gain_D < 0, -torch::ones_like(gain_D), torch::ones_like(gain_D));
    const torch::Tensor magnitude_D = gain_D.abs();
    set.emplace(place.id, Transform::diagonal(sign_D * magnitude_D.clamp_min(kSmallestGain * magnitude_D.max().item<double>())));
  }
  return set;
}

}  // namespace symphony
