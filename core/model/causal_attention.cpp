// Causal softmax attention with grouped queries.
#include "core/model/causal_attention.hpp"

#include <cmath>
#include <limits>

#include "core/model/precision.hpp"

namespace symphony {

torch::Tensor causal_attention(const torch::Tensor& queries_BTQH, const torch::Tensor& keys_BSGH, const torch::Tensor& values_BSGH) {
  const auto batch = queries_BTQH.size(0), length = queries_BTQH.size(1), heads = queries_BTQH.size(2), width = queries_BTQH.size(3);
  const auto span = keys_BSGH.size(1), groups = keys_BSGH.size(2), per_group = heads / groups;
  // The query heads of one KV head become rows of one matrix, so that keys and values are never repeated.
  const auto queries = queries_BTQH.view({batch, length, groups, per_group, width}).permute({0, 2, 3, 1, 4})
                           .reshape({batch * groups, per_group * length, width});
  const auto keys = keys_BSGH.permute({0, 2, 1, 3}).reshape({batch * groups, span, width});
  const auto values = values_BSGH.permute({0, 2, 1, 3}).reshape({batch * groups, span, width});
  const auto index = torch::arange(span, torch::TensorOptions().dtype(torch::kInt64).device(queries.device()));
  const auto hidden_TS = index.slice(0, span - length).unsqueeze(1) < index.unsqueeze(0);

  const auto scores = torch::bmm(queries, keys.transpose(1, 2)) / std::sqrt(static_cast<double>(width));
  const auto masked = scores.view({batch * groups, per_group, length, span}).masked_fill(hidden_TS, -std::numeric_limits<double>::infinity());
  const auto attended = torch::bmm(masked.softmax(-1, at_least_float32(masked.scalar_type())).to(values.scalar_type()).view({batch * groups, per_group * length, span}), values);
  return attended.view({batch, groups, per_group, length, width}).permute({0, 3, 1, 2, 4}).reshape({batch, length, heads, width});
}

}  // namespace symphony
