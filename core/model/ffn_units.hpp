// The hidden units of one layer's FFN where gauges that cost nothing cannot disturb a comparison: gate and up with the gain of the norm before them
// folded in (S6) and biases as a further column, up row and down column of every unit scaled to equal norms (S2). Units are given some at a time,
// because a part in float64 is twice the largest tensor of many models.
// F units, D entries of the residual stream.
#pragma once

#include <algorithm>
#include <cstdint>

#include <torch/types.h>

#include "core/model/model_spec.hpp"

namespace symphony {

enum class FfnPart { gate, up, down };
inline constexpr FfnPart kFfnParts[] = {FfnPart::gate, FfnPart::up, FfnPart::down};

/// By unit, sqrt(||up|| / ||down||), and 1 for a unit without either: [F].
torch::Tensor unit_balance(const Model& model, std::int64_t layer);

/// One part of the units, down transposed. Holds the tensor as its source gives it; what is read is float64, on the CPU.
class FfnUnits {
 public:
  /// `balance_F`: the model's unit_balance in this layer; undefined leaves up and down as they are.
  FfnUnits(const Model& model, std::int64_t layer, FfnPart part, torch::Tensor balance_F = {});

  std::int64_t count() const { return stored_.size(unit_axis_); }
  torch::Tensor range(std::int64_t first, std::int64_t count) const;  ///< [count, D], or [count, D + 1] with a bias
  torch::Tensor select(const torch::Tensor& units) const;             ///< the same of the units that are listed
  torch::Tensor norms() const;                                        ///< of every unit, [F]

 private:
  torch::Tensor in_gauge(const torch::Tensor& stored, const torch::Tensor& bias, const torch::Tensor& scale) const;

  std::int64_t unit_axis_;
  torch::Tensor stored_, gain_D_, bias_F_, scale_F_;  ///< all but the first may be undefined
};

/// How many units a loop takes at a time.
inline constexpr std::int64_t kUnitsAtOnce = 1024;

/// Calls body(first, count) for stretches of kUnitsAtOnce units and what is left.
template <typename Body>
void for_units(std::int64_t num_units, const Body& body) {
  for (std::int64_t first = 0; first < num_units; first += kUnitsAtOnce) body(first, std::min(kUnitsAtOnce, num_units - first));
}

}  // namespace symphony
