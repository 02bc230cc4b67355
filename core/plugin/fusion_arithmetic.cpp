// Weights, and the masked mean of rows (methods-fusion sections 0 and 2.1); the arithmetic is that of core/tensor/pieces.hpp.
#include "core/plugin/fusion_arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/tensor/pieces.hpp"

namespace symphony {

namespace {

constexpr double kSmallestSum = 1e-8;

/// The mean over holders of the rows listed in `rows`.
torch::Tensor masked_mean(const FusionInput& input, const std::vector<double>& weights, const torch::Tensor& rows, std::string_view who) {
  torch::Tensor sum, weight_of_row;
  for (std::size_t source_idx = 0; source_idx < input.sources.size(); ++source_idx) {
    if (weights[source_idx] == 0.0) continue;
    const torch::Tensor held = input.row_masks[source_idx].index_select(0, rows).to(torch::kFloat64) * weights[source_idx];
    const torch::Tensor values = input.sources[source_idx].index_select(0, rows).to(torch::kFloat64);
    // where, not a product: rows that are not held may contain anything.
    const torch::Tensor term = torch::where(held.unsqueeze(1) != 0, values * held.unsqueeze(1), torch::zeros_like(values));
    sum = sum.defined() ? sum + term : term;
    weight_of_row = weight_of_row.defined() ? weight_of_row + held : held;
  }
  const torch::Tensor orphans = weight_of_row.abs().lt(kSmallestSum).nonzero();
  if (orphans.numel() > 0)
    fail<DataError>(who, "tensor {}: {} rows are held by no source with a weight, the first is row {}; expected at least one holder a row",
                    quoted(input.tensor.name), orphans.size(0), rows[orphans[0].item<std::int64_t>()].item<std::int64_t>());
  return (sum / weight_of_row.unsqueeze(1)).to(torch::kFloat32);
}

}  // namespace

void check_weights(const std::vector<double>& weights, const std::vector<std::string>& source_names, std::string_view who) {
  if (weights.empty() || weights.size() == source_names.size()) return;
  fail<ConfigError>(who, "weights has {} entries, there are {} sources ({}); expected one a source", weights.size(), source_names.size(),
                    join(source_names, ", "));
}

std::vector<double> normalised_weights(const std::vector<double>& weights, std::size_t num_sources, std::string_view who) {
  std::vector<double> result = weights.empty() ? std::vector<double>(num_sources, 1.0) : weights;
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  if (std::abs(sum) < kSmallestSum)
    fail<ConfigError>(who, "the weights sum to {}, which nothing can be divided by; expected another sum than 0", sum);
  for (double& weight : result) weight /= sum;
  return result;
}

void check_sources(const FusionInput& input, const std::vector<double>& weights, std::string_view who) {
  SYMPHONY_ASSERT(!input.sources.empty() && weights.size() == input.sources.size() && input.source_names.size() == input.sources.size());
  for (std::size_t source_idx = 0; source_idx < input.sources.size(); ++source_idx) {
    const torch::Tensor& source = input.sources[source_idx];
    if (source.sizes() != input.sources.front().sizes())
      fail<DataError>(who, "tensor {}: source {} has shape {}, source {} has {}; sources must share an architecture", quoted(input.tensor.name),
                      quoted(input.source_names[source_idx]), shape_text(source.sizes()), quoted(input.source_names.front()),
                      shape_text(input.sources.front().sizes()));
    if (weights[source_idx] == 0.0) continue;
    const torch::Tensor held = input.row_masks.empty() ? source : source.index_select(0, input.row_masks[source_idx].nonzero().squeeze(1));
    if (!all_finite(held))
      fail<DataError>(who, "tensor {}: source {} holds a NaN or an infinity, expected finite numbers", quoted(input.tensor.name),
                      quoted(input.source_names[source_idx]));
  }
}

torch::Tensor gram_matrix(const std::vector<torch::Tensor>& sources, const std::vector<double>& weights) {
  SYMPHONY_ASSERT(!sources.empty() && sources.size() == weights.size());
  std::vector<torch::Tensor> read(sources.size());
  for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx)
    if (weights[source_idx] != 0.0) read[source_idx] = sources[source_idx];
  return inner_products(read);
}

torch::Tensor combine(const std::vector<torch::Tensor>& sources, const std::vector<double>& coefficients) { return weighted_sum(sources, coefficients); }

torch::Tensor fuse_held_rows(const FusionInput& input, const std::vector<double>& weights, std::string_view who,
                             const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& method) {
  if (input.row_masks.empty()) return method(input.sources);
  SYMPHONY_ASSERT(input.row_masks.size() == input.sources.size());
  torch::Tensor common = torch::ones_like(input.row_masks.front());
  for (std::size_t source_idx = 0; source_idx < input.sources.size(); ++source_idx)
    if (weights[source_idx] != 0.0) common = common.logical_and(input.row_masks[source_idx]);
  const torch::Tensor common_rows = common.nonzero().squeeze(1), other_rows = common.logical_not().nonzero().squeeze(1);

  torch::Tensor result = torch::empty(input.sources.front().sizes(), torch::kFloat32);
  if (common_rows.numel() > 0) {
    std::vector<torch::Tensor> rows_of_sources;
    for (const torch::Tensor& source : input.sources) rows_of_sources.push_back(source.index_select(0, common_rows));
    result.index_copy_(0, common_rows, method(rows_of_sources).to(torch::kFloat32));
  }
  if (other_rows.numel() > 0) result.index_copy_(0, other_rows, masked_mean(input, weights, other_rows, who));
  return result;
}

}  // namespace symphony
