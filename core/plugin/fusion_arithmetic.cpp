// Gram matrix and combination in float64 pieces, weights, and the masked mean of rows (methods-fusion sections 0 and 2.1).
#include "core/plugin/fusion_arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kPiece = 1 << 18;  // entries of each source in float64 at a time: 2 MiB
constexpr double kSmallestSum = 1e-8;

/// Calls `body(start, stop)` for consecutive pieces of `total` entries.
template <typename Body>
void for_pieces(std::int64_t total, Body&& body) {
  for (std::int64_t start = 0; start < total; start += kPiece) body(start, std::min(start + kPiece, total));
}

std::vector<torch::Tensor> flattened(const std::vector<torch::Tensor>& sources) {
  std::vector<torch::Tensor> flat;
  for (const torch::Tensor& source : sources) flat.push_back(source.reshape({-1}));
  return flat;
}

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
    if (!torch::isfinite(held).all().item<bool>())
      fail<DataError>(who, "tensor {}: source {} holds a NaN or an infinity, expected finite numbers", quoted(input.tensor.name),
                      quoted(input.source_names[source_idx]));
  }
}

torch::Tensor gram_matrix(const std::vector<torch::Tensor>& sources, const std::vector<double>& weights) {
  SYMPHONY_ASSERT(!sources.empty() && sources.size() == weights.size());
  const std::vector<torch::Tensor> flat = flattened(sources);
  const auto num_sources = static_cast<std::int64_t>(sources.size());
  torch::Tensor gram_NN = torch::zeros({num_sources, num_sources}, torch::kFloat64);
  for_pieces(flat.front().numel(), [&](std::int64_t start, std::int64_t stop) {
    torch::Tensor pieces = torch::zeros({num_sources, stop - start}, flat.front().options().dtype(torch::kFloat64).requires_grad(false));
    for (std::int64_t source_idx = 0; source_idx < num_sources; ++source_idx) {
      const auto at = static_cast<std::size_t>(source_idx);
      if (weights[at] != 0.0) pieces[source_idx].copy_(flat[at].slice(0, start, stop));
    }
    gram_NN += pieces.matmul(pieces.t()).to(torch::kCPU);
  });
  return gram_NN;
}

torch::Tensor combine(const std::vector<torch::Tensor>& sources, const std::vector<double>& coefficients) {
  SYMPHONY_ASSERT(sources.size() == coefficients.size());
  const std::vector<torch::Tensor> flat = flattened(sources);
  torch::Tensor result = torch::zeros_like(flat.front(), flat.front().options().dtype(torch::kFloat32).requires_grad(false));
  for_pieces(result.numel(), [&](std::int64_t start, std::int64_t stop) {
    torch::Tensor sum = torch::zeros({stop - start}, result.options().dtype(torch::kFloat64));
    for (std::size_t source_idx = 0; source_idx < flat.size(); ++source_idx)
      if (coefficients[source_idx] != 0.0) sum.add_(flat[source_idx].slice(0, start, stop).to(torch::kFloat64), coefficients[source_idx]);
    result.slice(0, start, stop).copy_(sum);
  });
  return result.view(sources.front().sizes());
}

torch::Tensor fuse_held_rows(const FusionInput& input, const std::vector<double>& weights, std::string_view who,
                             const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& method) {
  if (input.row_masks.empty()) return method(input.sources);
  SYMPHONY_ASSERT(input.row_masks.size() == input.sources.size());
  torch::Tensor common = torch::ones_like(input.row_masks.front());
  for (std::size_t source_idx = 0; source_idx < input.sources.size(); ++source_idx)
    if (weights[source_idx] != 0.0) common = common.logical_and(input.row_masks[source_idx]);
  const torch::Tensor common_rows = common.nonzero().squeeze(1), other_rows = common.logical_not().nonzero().squeeze(1);

  torch::Tensor result = torch::empty_like(input.sources.front(), torch::kFloat32);
  if (common_rows.numel() > 0) {
    std::vector<torch::Tensor> rows_of_sources;
    for (const torch::Tensor& source : input.sources) rows_of_sources.push_back(source.index_select(0, common_rows));
    result.index_copy_(0, common_rows, method(rows_of_sources));
  }
  if (other_rows.numel() > 0) result.index_copy_(0, other_rows, masked_mean(input, weights, other_rows, who));
  return result;
}

}  // namespace symphony
