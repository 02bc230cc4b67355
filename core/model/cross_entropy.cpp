// Mean cross-entropy. The fused form keeps one number a row, l_n = logsumexp_v z_nv, and gives dz = g / N (exp(z - l) - onehot(target)).
#include "core/model/cross_entropy.hpp"

#include <cmath>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/vector_math.hpp"

namespace symphony {

namespace {

SYMPHONY_CLONES double forward_kernel(const float* __restrict logits, const std::int64_t* targets, float* __restrict log_sum, float* __restrict scratch,
                                      std::int64_t rows, std::int64_t width) {
  double total = 0.0;
  for (std::int64_t row = 0; row < rows; ++row, logits += width) {
    const float top = largest(logits, width);
    for (std::int64_t place = 0; place < width; ++place) scratch[place] = fast_exp(logits[place] - top);
    log_sum[row] = top + std::log(sum(scratch, width));
    total += log_sum[row] - logits[targets[row]];
  }
  return total;
}

SYMPHONY_CLONES void backward_kernel(const float* __restrict logits, const std::int64_t* targets, const float* __restrict log_sum,
                                     float* __restrict dlogits, float scale, std::int64_t rows, std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row, logits += width, dlogits += width) {
    const float shift = log_sum[row];
    for (std::int64_t place = 0; place < width; ++place) dlogits[place] = scale * fast_exp(logits[place] - shift);
    dlogits[targets[row]] -= scale;
  }
}

struct FusedCrossEntropy : torch::autograd::Function<FusedCrossEntropy> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& logits_NV, const torch::Tensor& targets_N) {
    auto log_sum_N = torch::empty({logits_NV.size(0)}, logits_NV.options());
    std::vector<float> scratch(static_cast<std::size_t>(logits_NV.size(1)));
    const double total = forward_kernel(logits_NV.data_ptr<float>(), targets_N.data_ptr<std::int64_t>(), log_sum_N.data_ptr<float>(),
                                        scratch.data(), logits_NV.size(0), logits_NV.size(1));
    context->save_for_backward({logits_NV, targets_N, log_sum_N});
    return torch::full({}, total / static_cast<double>(logits_NV.size(0)), logits_NV.options());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const auto &logits_NV = saved[0], &targets_N = saved[1], &log_sum_N = saved[2];
    auto result = torch::empty_like(logits_NV);
    const float scale = upstream[0].item<float>() / static_cast<float>(logits_NV.size(0));
    backward_kernel(logits_NV.data_ptr<float>(), targets_N.data_ptr<std::int64_t>(), log_sum_N.data_ptr<float>(), result.data_ptr<float>(), scale,
                    logits_NV.size(0), logits_NV.size(1));
    return {result, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor cross_entropy_plain(const torch::Tensor& logits_NV, const torch::Tensor& targets_N) {
  const auto chosen_N = logits_NV.gather(1, targets_N.unsqueeze(1)).squeeze(1);
  return (logits_NV.logsumexp(1) - chosen_N).mean();
}

torch::Tensor cross_entropy(const torch::Tensor& logits_NV, const torch::Tensor& targets_N) {
  return is_fusable(logits_NV) ? FusedCrossEntropy::apply(logits_NV, targets_N.contiguous()) : cross_entropy_plain(logits_NV, targets_N);
}

}  // namespace symphony
