// Linear maps side by side. With upstream gradient g = [g_0 | g_1 | ...]:  dx = sum_j g_j W_j,  dW_j = g_j^T x,  db_j = column sums of g_j.
#include "core/model/projection.hpp"

#include <algorithm>

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/vector_math.hpp"

namespace symphony {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct FusedProjection : torch::autograd::Function<FusedProjection> {
  /// `parameters`: all weights, then all biases (or none).
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input_NI, torch::TensorList parameters, std::int64_t num_maps) {
    std::int64_t width = 0;
    for (std::int64_t map = 0; map < num_maps; ++map) width += parameters[static_cast<std::size_t>(map)].size(0);
    auto output_NO = torch::empty({input_NI.size(0), width}, input_NI.options());
    std::int64_t first = 0;
    for (std::int64_t map = 0; map < num_maps; ++map) {
      const auto& weight_OI = parameters[static_cast<std::size_t>(map)];
      auto part = output_NO.narrow(1, first, weight_OI.size(0));
      torch::mm_out(part, input_NI, weight_OI.t());
      const auto bias = static_cast<std::size_t>(num_maps + map);
      if (bias < parameters.size() && parameters[bias].defined()) part.add_(parameters[bias]);
      first += weight_OI.size(0);
    }
    variable_list saved(parameters.begin(), parameters.begin() + num_maps);
    saved.push_back(input_NI);
    context->save_for_backward(std::move(saved));
    context->saved_data["num_parameters"] = static_cast<std::int64_t>(parameters.size());
    return output_NO;
  }

  static variable_list backward(AutogradContext* context, variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const auto& input_NI = saved.back();
    const auto num_maps = saved.size() - 1;
    const auto num_parameters = static_cast<std::size_t>(context->saved_data["num_parameters"].toInt());
    const auto g_NO = upstream[0].contiguous();
    torch::Tensor dinput_NI;
    variable_list result(2 + num_parameters);  // input, parameters, num_maps
    std::int64_t first = 0;
    for (std::size_t map = 0; map < num_maps; ++map) {
      const auto& weight_OI = saved[map];
      const auto g = g_NO.narrow(1, first, weight_OI.size(0));
      if (context->needs_input_grad(0)) {
        if (dinput_NI.defined()) torch::addmm_out(dinput_NI, dinput_NI, g, weight_OI);
        else dinput_NI = torch::mm(g, weight_OI);
      }
      if (context->needs_input_grad(1 + map)) result[1 + map] = torch::mm(g.t(), input_NI);
      const auto bias = num_maps + map;
      if (bias < num_parameters && context->needs_input_grad(1 + bias)) result[1 + bias] = g.sum(0);
      first += weight_OI.size(0);
    }
    result[0] = std::move(dinput_NI);
    return result;
  }
};

bool all_fusable(const std::vector<torch::Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const torch::Tensor& tensor) { return !tensor.defined() || is_fusable(tensor); });
}

}  // namespace

torch::Tensor project_plain(const torch::Tensor& input_NI, const std::vector<torch::Tensor>& weights_OI, const std::vector<torch::Tensor>& biases_O) {
  std::vector<torch::Tensor> parts;
  for (std::size_t map = 0; map < weights_OI.size(); ++map)
    parts.push_back(torch::linear(input_NI, weights_OI[map], map < biases_O.size() ? biases_O[map] : torch::Tensor()));
  return parts.size() == 1 ? parts.front() : torch::cat(parts, 1);
}

torch::Tensor project(const torch::Tensor& input_NI, const std::vector<torch::Tensor>& weights_OI, const std::vector<torch::Tensor>& biases_O) {
  if (!is_fusable(input_NI) || !all_fusable(weights_OI) || !all_fusable(biases_O)) return project_plain(input_NI, weights_OI, biases_O);
  variable_list parameters = weights_OI;
  parameters.insert(parameters.end(), biases_O.begin(), biases_O.end());
  return FusedProjection::apply(input_NI, torch::TensorList(parameters), static_cast<std::int64_t>(weights_OI.size()));
}

}  // namespace symphony
