// Initial weights: every matrix W [O, I] is normal with mean 0 and standard deviation 1 / sqrt(3 I), the variance of the uniform
// distribution on +-1/sqrt(I) that is usual for linear layers; o_proj and down_proj, which write into the residual stream, are scaled by
// 1 / sqrt(2 L), so that the stream's variance does not grow with the number of layers (Radford et al. 2019, "Language models are
// unsupervised multitask learners", section 2.3). The embedding is drawn as if it were the head (I = D), so that a tied and an untied
// model start from logits of the same size: standard deviation 0.58 after the final norm.
// Differs from the fixed 0.02 of GPT-2 and Llama, which is 1 / sqrt(3 I) at I = 833: at the widths trained here (I = 64 to 256) it would
// leave the first layers' outputs several times smaller.
#include "core/model/initialise.hpp"

#include <cmath>
#include <span>

#include "core/base/random.hpp"

namespace symphony {

namespace {

bool writes_residual(const SpecTensor& tensor) { return tensor.name.ends_with("o_proj.weight") || tensor.name.ends_with("down_proj.weight"); }

torch::Tensor initial_tensor(const SpecTensor& tensor, const ModelSpec& spec, std::uint64_t seed) {
  if (tensor.kind == TensorKind::norm) return torch::ones(tensor.shape, torch::kFloat32);
  if (tensor.shape.size() == 1) return torch::zeros(tensor.shape, torch::kFloat32);
  double std = 1.0 / std::sqrt(3.0 * static_cast<double>(tensor.shape[1]));
  if (writes_residual(tensor)) std /= std::sqrt(2.0 * static_cast<double>(spec.num_layers));
  torch::Tensor weight_OI = torch::empty(tensor.shape, torch::kFloat32);
  Random(seed, "init/" + tensor.name).fill_normal({weight_OI.data_ptr<float>(), static_cast<std::size_t>(weight_OI.numel())}, 0.0, std);
  return weight_OI;
}

}  // namespace

TensorMap initial_parameters(const ModelSpec& spec, std::uint64_t seed) {
  check_spec(spec, "initial parameters");
  TensorMap parameters;
  for (const SpecTensor& tensor : spec_tensors(spec)) parameters[tensor.name] = initial_tensor(tensor, spec, seed);
  return parameters;
}

}  // namespace symphony
