// Gains multiply the columns of what reads them, the balance the rows of units.
#include "core/model/ffn_units.hpp"

#include <string>

#include "core/model/folded_weights.hpp"

namespace symphony {

namespace {

std::string projection(std::int64_t layer, FfnPart part) {
  return layer_prefix(layer) + (part == FfnPart::gate ? "mlp.gate_proj" : part == FfnPart::up ? "mlp.up_proj" : "mlp.down_proj");
}

torch::Tensor if_defined(const torch::Tensor& tensor, const auto& function) { return tensor.defined() ? function(tensor) : tensor; }

}  // namespace

torch::Tensor unit_balance(const Model& model, std::int64_t layer) {
  const torch::Tensor up_F = FfnUnits(model, layer, FfnPart::up).norms(), down_F = FfnUnits(model, layer, FfnPart::down).norms();
  const torch::Tensor usable = (up_F > 0).logical_and(down_F > 0);  // a dead unit is left as it is
  return torch::where(usable, (up_F / down_F).sqrt(), torch::ones_like(up_F));
}

FfnUnits::FfnUnits(const Model& model, std::int64_t layer, FfnPart part, torch::Tensor balance_F)
    : unit_axis_(part == FfnPart::down ? 1 : 0), stored_(model.tensors->get(projection(layer, part) + ".weight")) {
  if (part != FfnPart::gate) scale_F_ = if_defined(balance_F, [&](const torch::Tensor& balance) { return part == FfnPart::up ? 1 / balance : balance; });
  if (part == FfnPart::down) return;
  gain_D_ = read_float64(model, layer_prefix(layer) + "post_attention_layernorm.weight");
  const std::string bias = projection(layer, part) + ".bias";
  if (model.tensors->find(bias)) bias_F_ = read_float64(model, bias);
}

torch::Tensor FfnUnits::in_gauge(const torch::Tensor& stored, const torch::Tensor& bias, const torch::Tensor& scale) const {
  torch::Tensor units = (unit_axis_ == 0 ? stored : stored.t()).to(torch::kFloat64);
  if (gain_D_.defined()) units = units * gain_D_;
  if (bias.defined()) units = torch::cat({units, bias.unsqueeze(1)}, 1);
  return scale.defined() ? units * scale.unsqueeze(1) : units;
}

torch::Tensor FfnUnits::range(std::int64_t first, std::int64_t count) const {
  const auto part = [&](const torch::Tensor& values) { return values.narrow(0, first, count); };
  return in_gauge(stored_.narrow(unit_axis_, first, count), if_defined(bias_F_, part), if_defined(scale_F_, part));
}

torch::Tensor FfnUnits::select(const torch::Tensor& units) const {
  const auto part = [&](const torch::Tensor& values) { return values.index_select(0, units); };
  return in_gauge(stored_.index_select(unit_axis_, units), if_defined(bias_F_, part), if_defined(scale_F_, part));
}

torch::Tensor FfnUnits::norms() const {
  const torch::Tensor norms_F = torch::empty({count()}, torch::kFloat64);
  for_units(count(), [&](std::int64_t first, std::int64_t count) { norms_F.narrow(0, first, count).copy_(range(first, count).norm(2, 1)); });
  return norms_F;
}

}  // namespace symphony
