// AdamW (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2) over named tensors, and the global gradient norm.
// In step t = 1, 2, ... with gradient g scaled by s (clipping):
//   m = b1 m + (1 - b1) s g      v = b2 v + (1 - b2) (s g)^2
//   p = p (1 - lr * decay) - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
// Decay acts on matrices only, never on norm gains and biases.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0.1;
};

/// Factors of one step that are the same for every element.
struct AdamWStep {
  double beta1, beta2, eps;
  double decay_factor;      ///< 1 - lr * decay
  double step_size;         ///< lr / (1 - b1^t)
  double inverse_root_correction;  ///< 1 / sqrt(1 - b2^t)
  double gradient_scale;
};

/// Updates parameter and moments in place. An undefined gradient is a zero gradient (an expert that no token chose).
void adamw_update(torch::Tensor& parameter, const torch::Tensor& gradient, torch::Tensor& first, torch::Tensor& second, const AdamWStep& step);
/// The same as a composition of tensor operations, for any device and dtype.
void adamw_update_plain(torch::Tensor& parameter, const torch::Tensor& gradient, torch::Tensor& first, torch::Tensor& second, const AdamWStep& step);

/// Euclidean norm of all gradients together, accumulated in float64; undefined ones count as zero.
double global_norm(const std::vector<torch::Tensor>& gradients);

class AdamW {
 public:
  /// Keeps the tensors themselves: `step` updates them in place.
  AdamW(const TensorMap& parameters, const AdamWSettings& settings);

  /// The parameters in the order in which `step` expects their gradients: by name.
  std::vector<torch::Tensor> parameters() const;
  void step(const std::vector<torch::Tensor>& gradients, double learning_rate, double gradient_scale = 1.0);
  std::int64_t steps_done() const { return steps_done_; }

  /// "first_moment/<name>" and "second_moment/<name>" for every parameter; the tensors are the optimiser's own.
  TensorMap state() const;
  /// Throws DataError naming what is missing or misshapen.
  void restore(const TensorMap& state, std::int64_t steps_done);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, first, second;
  };
  AdamWSettings settings_;
  std::vector<Slot> slots_;
  std::int64_t steps_done_ = 0;
};

}  // namespace symphony
