// RMSNorm. With s = 1 / sqrt(mean(x^2) + eps) and upstream gradient g the fused backward is, per row,
//   dx = s (gain g) - x s^3 / D * sum(gain g x)          dgain = sum over rows of g x s
#include "core/model/rms_norm.hpp"

#include <cmath>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/precision.hpp"
#include "core/model/vector_math.hpp"

namespace symphony {

namespace {

SYMPHONY_CLONES void forward_kernel(const float* x, const float* gain, float eps, float* y, float* inverse_rms, std::int64_t rows, std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const float scale = 1.0f / std::sqrt(dot(x, x, width) / static_cast<float>(width) + eps);
    inverse_rms[row] = scale;
    for (std::int64_t place = 0; place < width; ++place) y[place] = x[place] * scale * gain[place];
  }
}

SYMPHONY_CLONES void input_gradient_kernel(const float* x, const float* gain, const float* inverse_rms, const float* g, float* dx, std::int64_t rows,
                                           std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, g += width, dx += width) {
    const float scale = inverse_rms[row];
    for (std::int64_t place = 0; place < width; ++place) dx[place] = gain[place] * g[place];
    const float pull = dot(dx, x, width) * scale * scale / static_cast<float>(width);
    for (std::int64_t place = 0; place < width; ++place) dx[place] = scale * (dx[place] - x[place] * pull);
  }
}

SYMPHONY_CLONES void gain_gradient_kernel(const float* x, const float* inverse_rms, const float* g, float* dgain, std::int64_t rows, std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, g += width) {
    const float scale = inverse_rms[row];
    for (std::int64_t place = 0; place < width; ++place) dgain[place] += g[place] * x[place] * scale;
  }
}

struct FusedRmsNorm : torch::autograd::Function<FusedRmsNorm> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x_ND, const torch::Tensor& gain_D, double eps) {
    auto y_ND = torch::empty_like(x_ND);
    auto inverse_rms_N = torch::empty({x_ND.size(0)}, x_ND.options());
    forward_kernel(x_ND.data_ptr<float>(), gain_D.data_ptr<float>(), static_cast<float>(eps), y_ND.data_ptr<float>(),
                   inverse_rms_N.data_ptr<float>(), x_ND.size(0), x_ND.size(1));
    context->save_for_backward({x_ND, gain_D, inverse_rms_N});
    return y_ND;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const auto &x_ND = saved[0], &gain_D = saved[1], &inverse_rms_N = saved[2];
    const auto g_ND = upstream[0].contiguous();
    torch::Tensor dx_ND, dgain_D;
    if (context->needs_input_grad(0)) {
      dx_ND = torch::empty_like(x_ND);
      input_gradient_kernel(x_ND.data_ptr<float>(), gain_D.data_ptr<float>(), inverse_rms_N.data_ptr<float>(), g_ND.data_ptr<float>(),
                            dx_ND.data_ptr<float>(), x_ND.size(0), x_ND.size(1));
    }
    if (context->needs_input_grad(1)) {
      dgain_D = torch::zeros_like(gain_D);
      gain_gradient_kernel(x_ND.data_ptr<float>(), inverse_rms_N.data_ptr<float>(), g_ND.data_ptr<float>(), dgain_D.data_ptr<float>(),
                           x_ND.size(0), x_ND.size(1));
    }
    return {dx_ND, dgain_D, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor rms_norm_plain(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps) {
  const auto wide_ND = widened(hidden_ND);
  const auto inverse_rms_N1 = wide_ND.square().mean(-1, true).add(eps).rsqrt();
  return (wide_ND * inverse_rms_N1).to(hidden_ND.scalar_type()) * gain_D;
}

torch::Tensor rms_norm(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps) {
  if (!is_fusable(hidden_ND) || !is_fusable(gain_D)) return rms_norm_plain(hidden_ND, gain_D, eps);
  return FusedRmsNorm::apply(hidden_ND, gain_D, eps);
}

}  // namespace symphony
