// Does a transformed model still compute the function of the original, and does it when it generates? Measured on tokens, layer-streamed, so on
// checkpoints of any size (methods-alignment section 9, I1 to I3 and I8). Dense models.
#pragma once

#include <limits>
#include <vector>

#include <torch/types.h>

#include "core/model/model_spec.hpp"
#include "core/model/symmetry.hpp"

namespace symphony {

/// Tolerances on `logit_change` in float32.
constexpr double kPermutationTolerance = 1e-5;  ///< permutations and signs
constexpr double kRotationTolerance = 1e-4;     ///< folded gains, rotations

/// The larger of two; NaN wins over everything, so that it cannot hide behind a maximum.
double larger_or_nan(double a, double b);

/// max|dlogit| / max|logit| between two models, chunk by chunk of the tokens.
struct LogitChange {
  double difference = 0, largest = 0;   ///< so far; NaN once there was one
  void add(const torch::Tensor& logits, const torch::Tensor& expected);
  double value() const { return difference / largest; }
};

struct InvarianceReport {
  double logit_change = 0;              ///< max|dlogit| / max|logit|
  double largest_logit = 0;             ///< max|logit| of the original
  double loss_change_nats = 0;          ///< |d mean next-token cross-entropy|
  std::vector<double> residual_change;  ///< by layer: ||h' - A h||_F / ||h||_F of the residual stream, A the residual transform that was applied
};

/// tokens_BT int64. `applied` is what `transformed` had applied (only its "residual" entry is used). Throws NumericError naming the source,
/// the value and the tolerance when logit_change is above it or not a number; an infinite tolerance only measures.
InvarianceReport check_invariance(const Model& original, const Model& transformed, const torch::Tensor& tokens_BT,
                                  double tolerance = kPermutationTolerance, const TransformSet& applied = {});

/// max|dlogit| / max|logit| between one pass over tokens_BT and decoding: the last 16 positions (at most all but the first) one by one against the
/// KV cache of those before them.
double decoding_change(const Model& model, const torch::Tensor& tokens_BT);

}  // namespace symphony
