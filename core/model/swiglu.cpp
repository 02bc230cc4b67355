// silu(gate) * up. With s = sigmoid(gate) and upstream gradient d:  dup = d gate s,  dgate = d up s (1 + gate (1 - s)).
#include "core/model/swiglu.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/vector_math.hpp"

namespace symphony {

namespace {

SYMPHONY_CLONES void forward_kernel(const float* __restrict gate_up, float* __restrict hidden, std::int64_t rows, std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, gate_up += 2 * width, hidden += width) {
    const float *gate = gate_up, *up = gate_up + width;
    for (std::int64_t unit = 0; unit < width; ++unit) hidden[unit] = gate[unit] * fast_sigmoid(gate[unit]) * up[unit];
  }
}

SYMPHONY_CLONES void backward_kernel(const float* __restrict gate_up, const float* __restrict d, float* __restrict dgate_up, std::int64_t rows,
                                     std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, gate_up += 2 * width, dgate_up += 2 * width, d += width) {
    const float *gate = gate_up, *up = gate_up + width;
    for (std::int64_t unit = 0; unit < width; ++unit) {
      const float s = fast_sigmoid(gate[unit]);
      const float scaled = d[unit] * s;
      dgate_up[unit] = scaled * up[unit] * (1.0f + gate[unit] * (1.0f - s));
      dgate_up[width + unit] = scaled * gate[unit];
    }
  }
}

struct FusedSwiglu : torch::autograd::Function<FusedSwiglu> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& gate_up_NF2) {
    const auto rows = gate_up_NF2.size(0), width = gate_up_NF2.size(1) / 2;
    auto hidden_NF = torch::empty({rows, width}, gate_up_NF2.options());
    forward_kernel(gate_up_NF2.data_ptr<float>(), hidden_NF.data_ptr<float>(), rows, width);
    context->save_for_backward({gate_up_NF2});
    return hidden_NF;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list upstream) {
    const auto gate_up_NF2 = context->get_saved_variables()[0];
    const auto d_NF = upstream[0].contiguous();
    auto result = torch::empty_like(gate_up_NF2);
    backward_kernel(gate_up_NF2.data_ptr<float>(), d_NF.data_ptr<float>(), result.data_ptr<float>(), d_NF.size(0), d_NF.size(1));
    return {result};
  }
};

}  // namespace

torch::Tensor swiglu_plain(const torch::Tensor& gate_up_NF2) {
  const auto halves = gate_up_NF2.chunk(2, -1);
  return torch::silu(halves[0]) * halves[1];
}

torch::Tensor swiglu(const torch::Tensor& gate_up_NF2) {
  return is_fusable(gate_up_NF2) ? FusedSwiglu::apply(gate_up_NF2) : swiglu_plain(gate_up_NF2);
}

}  // namespace symphony
