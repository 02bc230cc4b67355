// Gather and weighted scatter of rows. LibTorch 1.13's index_add treats every row as a tensor of its own; these are loops over memory.
//   combine:  out_t = sum_s w_s y_s      dy_s = w_s g_t      dw_s = g_t . y_s      (t = rows[s])
#include "core/model/row_exchange.hpp"

#include <cstring>

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/vector_math.hpp"

namespace symphony {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void copy_kernel(const float* values, const std::int64_t* rows, float* gathered, std::int64_t count, std::int64_t width) {
  for (std::int64_t row = 0; row < count; ++row)
    std::memcpy(gathered + row * width, values + rows[row] * width, static_cast<std::size_t>(width) * sizeof(float));
}

/// to[rows[s]] += weights[s] * from[s], or with weight 1 where `weights` is null.
SYMPHONY_CLONES void add_kernel(const float* from, const float* weights, const std::int64_t* rows, float* to, std::int64_t count, std::int64_t width) {
  for (std::int64_t row = 0; row < count; ++row, from += width) {
    const float weight = weights != nullptr ? weights[row] : 1.0f;
    float* target = to + rows[row] * width;
    for (std::int64_t place = 0; place < width; ++place) target[place] += weight * from[place];
  }
}

SYMPHONY_CLONES void scale_kernel(const float* from, const float* weights, const std::int64_t* rows, float* to, std::int64_t count, std::int64_t width) {
  for (std::int64_t row = 0; row < count; ++row, to += width) {
    const float* source = from + rows[row] * width;
    for (std::int64_t place = 0; place < width; ++place) to[place] = weights[row] * source[place];
  }
}

SYMPHONY_CLONES void dot_kernel(const float* left, const float* right, const std::int64_t* rows, float* result, std::int64_t count, std::int64_t width) {
  for (std::int64_t row = 0; row < count; ++row, right += width) result[row] = dot(left + rows[row] * width, right, width);
}

struct FusedGather : torch::autograd::Function<FusedGather> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& values_TD, const torch::Tensor& rows_S) {
    auto gathered_SD = torch::empty({rows_S.size(0), values_TD.size(1)}, values_TD.options());
    copy_kernel(values_TD.data_ptr<float>(), rows_S.data_ptr<std::int64_t>(), gathered_SD.data_ptr<float>(), rows_S.size(0), values_TD.size(1));
    context->save_for_backward({rows_S});
    context->saved_data["num_tokens"] = values_TD.size(0);
    return gathered_SD;
  }

  static variable_list backward(AutogradContext* context, variable_list upstream) {
    const auto rows_S = context->get_saved_variables()[0];
    const auto g_SD = upstream[0].contiguous();
    auto result_TD = torch::zeros({context->saved_data["num_tokens"].toInt(), g_SD.size(1)}, g_SD.options());
    add_kernel(g_SD.data_ptr<float>(), nullptr, rows_S.data_ptr<std::int64_t>(), result_TD.data_ptr<float>(), g_SD.size(0), g_SD.size(1));
    return {result_TD, torch::Tensor()};
  }
};

struct FusedCombine : torch::autograd::Function<FusedCombine> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& values_SD, const torch::Tensor& weights_S, const torch::Tensor& rows_S,
                               std::int64_t num_tokens) {
    auto out_TD = torch::zeros({num_tokens, values_SD.size(1)}, values_SD.options());
    add_kernel(values_SD.data_ptr<float>(), weights_S.data_ptr<float>(), rows_S.data_ptr<std::int64_t>(), out_TD.data_ptr<float>(),
               values_SD.size(0), values_SD.size(1));
    context->save_for_backward({values_SD, weights_S, rows_S});
    return out_TD;
  }

  static variable_list backward(AutogradContext* context, variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const auto &values_SD = saved[0], &weights_S = saved[1], &rows_S = saved[2];
    const auto g_TD = upstream[0].contiguous();
    const auto* rows = rows_S.data_ptr<std::int64_t>();
    const auto count = values_SD.size(0), width = values_SD.size(1);
    torch::Tensor dvalues_SD, dweights_S;
    if (context->needs_input_grad(0)) {
      dvalues_SD = torch::empty_like(values_SD);
      scale_kernel(g_TD.data_ptr<float>(), weights_S.data_ptr<float>(), rows, dvalues_SD.data_ptr<float>(), count, width);
    }
    if (context->needs_input_grad(1)) {
      dweights_S = torch::empty_like(weights_S);
      dot_kernel(g_TD.data_ptr<float>(), values_SD.data_ptr<float>(), rows, dweights_S.data_ptr<float>(), count, width);
    }
    return {dvalues_SD, dweights_S, torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor gather_rows_plain(const torch::Tensor& values_TD, const torch::Tensor& rows_S) { return values_TD.index_select(0, rows_S); }

torch::Tensor gather_rows(const torch::Tensor& values_TD, const torch::Tensor& rows_S) {
  return is_fusable(values_TD) ? FusedGather::apply(values_TD, rows_S.contiguous()) : gather_rows_plain(values_TD, rows_S);
}

torch::Tensor combine_rows_plain(const torch::Tensor& values_SD, const torch::Tensor& weights_S, const torch::Tensor& rows_S, std::int64_t num_tokens) {
  return torch::zeros({num_tokens, values_SD.size(1)}, values_SD.options()).index_add(0, rows_S, values_SD * weights_S.unsqueeze(1));
}

torch::Tensor combine_rows(const torch::Tensor& values_SD, const torch::Tensor& weights_S, const torch::Tensor& rows_S, std::int64_t num_tokens) {
  if (!is_fusable(values_SD) || !is_fusable(weights_S)) return combine_rows_plain(values_SD, weights_S, rows_S, num_tokens);
  return FusedCombine::apply(values_SD, weights_S, rows_S.contiguous(), num_tokens);
}

}  // namespace symphony
