// AdamW over named tensors.
#include "core/train/optimiser.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/failpoint.hpp"
#include "core/base/text.hpp"
#include "core/model/vector_math.hpp"

namespace symphony {

void adamw_update_plain(torch::Tensor& parameter, const torch::Tensor& gradient, torch::Tensor& first, torch::Tensor& second, const AdamWStep& step) {
  const auto scaled = gradient.defined() ? gradient * step.gradient_scale : torch::zeros_like(parameter);
  first.mul_(step.beta1).add_(scaled, 1.0 - step.beta1);
  second.mul_(step.beta2).addcmul_(scaled, scaled, 1.0 - step.beta2);
  parameter.mul_(step.decay_factor);
  parameter.addcdiv_(first, second.sqrt().mul_(step.inverse_root_correction).add_(step.eps), -step.step_size);
}

namespace {

SYMPHONY_CLONES void update_kernel(float* __restrict parameter, const float* __restrict gradient, float* __restrict first, float* __restrict second,
                                   std::int64_t count, const AdamWStep& step) {
  const auto beta1 = static_cast<float>(step.beta1), beta2 = static_cast<float>(step.beta2), eps = static_cast<float>(step.eps);
  const auto rest1 = static_cast<float>(1.0 - step.beta1), rest2 = static_cast<float>(1.0 - step.beta2), scale = static_cast<float>(step.gradient_scale);
  const auto decay = static_cast<float>(step.decay_factor), size = static_cast<float>(step.step_size);
  const auto correction = static_cast<float>(step.inverse_root_correction);
  for (std::int64_t place = 0; place < count; ++place) {
    const float g = gradient[place] * scale;
    const float m = beta1 * first[place] + rest1 * g;
    const float v = beta2 * second[place] + rest2 * g * g;
    first[place] = m;
    second[place] = v;
    parameter[place] = parameter[place] * decay - size * m / (std::sqrt(v) * correction + eps);
  }
}

SYMPHONY_CLONES double sum_of_squares(const float* values, std::int64_t count) {
  constexpr std::int64_t kBlock = 4096;  // float32 within a block, float64 across blocks
  double total = 0.0;
  for (std::int64_t first = 0; first < count; first += kBlock) total += dot(values + first, values + first, std::min(kBlock, count - first));
  return total;
}

}  // namespace

void adamw_update(torch::Tensor& parameter, const torch::Tensor& gradient, torch::Tensor& first, torch::Tensor& second, const AdamWStep& step) {
  if (!gradient.defined() || !is_fusable(parameter) || !is_fusable(gradient)) return adamw_update_plain(parameter, gradient, first, second, step);
  update_kernel(parameter.data_ptr<float>(), gradient.data_ptr<float>(), first.data_ptr<float>(), second.data_ptr<float>(), parameter.numel(), step);
}

double global_norm(const std::vector<torch::Tensor>& gradients) {
  double square = 0.0;
  for (const torch::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    square += is_fusable(gradient) ? sum_of_squares(gradient.data_ptr<float>(), gradient.numel())
                                   : gradient.square().sum(torch::kFloat64).item<double>();
  }
  return std::sqrt(square);
}

AdamW::AdamW(const TensorMap& parameters, const AdamWSettings& settings) : settings_(settings) {
  for (const auto& [name, tensor] : parameters) slots_.push_back({name, tensor, torch::zeros_like(tensor), torch::zeros_like(tensor)});
}

std::vector<torch::Tensor> AdamW::parameters() const {
  std::vector<torch::Tensor> result;
  for (const Slot& slot : slots_) result.push_back(slot.parameter);
  return result;
}

void AdamW::step(const std::vector<torch::Tensor>& gradients, double learning_rate, double gradient_scale) {
  SYMPHONY_ASSERT(gradients.size() == slots_.size());
  const torch::NoGradGuard no_grad;
  ++steps_done_;
  const auto count = static_cast<double>(steps_done_);
  AdamWStep step{settings_.beta1, settings_.beta2, settings_.eps, 1.0, learning_rate / (1.0 - std::pow(settings_.beta1, count)),
                 1.0 / std::sqrt(1.0 - std::pow(settings_.beta2, count)), gradient_scale};
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    if (index == slots_.size() / 2) failpoint("optimiser_step", std::to_string(steps_done_));
    Slot& slot = slots_[index];
    step.decay_factor = slot.parameter.dim() >= 2 ? 1.0 - learning_rate * settings_.weight_decay : 1.0;
    adamw_update(slot.parameter, gradients[index], slot.first, slot.second, step);
  }
}

TensorMap AdamW::state() const {
  TensorMap result;
  for (const Slot& slot : slots_) {
    result.emplace("first_moment/" + slot.name, slot.first);
    result.emplace("second_moment/" + slot.name, slot.second);
  }
  return result;
}

void AdamW::restore(const TensorMap& state, std::int64_t steps_done) {
  const auto read = [&](const std::string& name, torch::Tensor& target) {
    const auto found = state.find(name);
    if (found == state.end()) fail<DataError>("optimiser state", "has no tensor {}", quoted(name));
    if (found->second.sizes() != target.sizes())
      fail<DataError>("optimiser state", "tensor {} has shape {}, expected {}", quoted(name), shape_text(found->second.sizes()),
                      shape_text(target.sizes()));
    target.copy_(found->second);
  };
  for (Slot& slot : slots_) {
    read("first_moment/" + slot.name, slot.first);
    read("second_moment/" + slot.name, slot.second);
  }
  steps_done_ = steps_done;
}

}  // namespace symphony
