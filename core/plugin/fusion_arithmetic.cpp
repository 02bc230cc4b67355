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

/// Of tensors of one shape, those whose number is not exactly 0, with that number and their place among all.
struct Used {
  std::vector<TensorRows> tensors;
  std::vector<double> numbers;
  std::vector<std::int64_t> places;
};

Used used(const std::vector<TensorRows>& tensors, const std::vector<double>& numbers) {
  SYMPHONY_ASSERT(!tensors.empty() && tensors.size() == numbers.size());
  Used result;
  for (std::size_t index = 0; index < tensors.size(); ++index) {
    if (numbers[index] == 0.0) continue;
    result.tensors.push_back(tensors[index]);
    result.numbers.push_back(numbers[index]);
    result.places.push_back(static_cast<std::int64_t>(index));
  }
  return result;
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
    const TensorRows& source = input.sources[source_idx];
    if (source.shape() != input.sources.front().shape())
      fail<DataError>(who, "tensor {}: source {} has shape {}, source {} has {}; sources must share an architecture", quoted(input.tensor.name),
                      quoted(input.source_names[source_idx]), shape_text(source.shape()), quoted(input.source_names.front()),
                      shape_text(input.sources.front().shape()));
    if (weights[source_idx] == 0.0) continue;
    if (!all_finite(input.row_masks.empty() ? source : source.select(input.row_masks[source_idx].nonzero().squeeze(1))))
      fail<DataError>(who, "tensor {}: source {} holds a NaN or an infinity, expected finite numbers", quoted(input.tensor.name),
                      quoted(input.source_names[source_idx]));
  }
}

torch::Tensor gram_matrix(const std::vector<TensorRows>& sources, const std::vector<double>& weights) {
  const auto size = static_cast<std::int64_t>(sources.size());
  torch::Tensor gram_NN = torch::zeros({size, size}, torch::kFloat64);
  const Used read = used(sources, weights);
  if (read.tensors.empty()) return gram_NN;
  const torch::Tensor places = torch::tensor(read.places, torch::kInt64);
  for_rows(read.tensors, [&](std::int64_t, const std::vector<torch::Tensor>& parts) {
    gram_NN.index_put_({places.unsqueeze(1), places.unsqueeze(0)}, inner_products(parts), /*accumulate=*/true);
  });
  return gram_NN;
}

torch::Tensor combine(const std::vector<TensorRows>& sources, const std::vector<double>& coefficients) {
  const Used read = used(sources, coefficients);
  if (read.tensors.empty()) return torch::zeros(sources.front().shape(), torch::kFloat32);
  const torch::Tensor result = torch::empty(sources.front().shape(), torch::kFloat32);
  for_rows(read.tensors, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) {
    weighted_sum_into(result.dim() == 0 ? result : result.narrow(0, first, parts.front().size(0)), parts, read.numbers);
  });
  return result;
}

void put_mean_of_holders(const FusionInput& input, const std::vector<double>& weights, const torch::Tensor& rows, std::string_view who, torch::Tensor& result) {
  std::vector<TensorRows> listed;
  for (const TensorRows& source : input.sources) listed.push_back(source.select(rows));
  for_rows(listed, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) {
    const torch::Tensor places = rows.narrow(0, first, parts.front().size(0));
    torch::Tensor sum = torch::zeros(parts.front().sizes(), torch::kFloat64), weight_of_row = torch::zeros({places.numel()}, torch::kFloat64);
    for (std::size_t source_idx = 0; source_idx < parts.size(); ++source_idx) {
      if (weights[source_idx] == 0.0) continue;
      const torch::Tensor holds = input.row_masks.empty() ? torch::ones_like(places) : input.row_masks[source_idx].index_select(0, places);
      const torch::Tensor held = holds.to(torch::kFloat64) * weights[source_idx];
      const torch::Tensor values = parts[source_idx].to(torch::kFloat64);
      // where, not a product: rows that are not held may contain anything.
      sum += torch::where(held.unsqueeze(1) != 0, values * held.unsqueeze(1), torch::zeros_like(values));
      weight_of_row += held;
    }
    const torch::Tensor orphans = weight_of_row.abs().lt(kSmallestSum).nonzero();
    if (orphans.numel() > 0)
      fail<DataError>(who, "tensor {}: {} rows are held by no source with a weight, the first is row {}; expected at least one holder a row",
                      quoted(input.tensor.name), orphans.size(0), places[orphans[0].item<std::int64_t>()].item<std::int64_t>());
    result.index_copy_(0, places, (sum / weight_of_row.unsqueeze(1)).to(torch::kFloat32));
  });
}

torch::Tensor fuse_held_rows(const FusionInput& input, const std::vector<double>& weights, std::string_view who, const Coefficients& coefficients) {
  if (input.row_masks.empty()) return combine(input.sources, coefficients(input.sources));
  SYMPHONY_ASSERT(input.row_masks.size() == input.sources.size());
  torch::Tensor common = torch::ones_like(input.row_masks.front());
  for (std::size_t source_idx = 0; source_idx < input.sources.size(); ++source_idx)
    if (weights[source_idx] != 0.0) common = common.logical_and(input.row_masks[source_idx]);
  const torch::Tensor common_rows = common.nonzero().squeeze(1), other_rows = common.logical_not().nonzero().squeeze(1);

  torch::Tensor result = torch::zeros(input.sources.front().shape(), torch::kFloat32);
  if (common_rows.numel() > 0) {
    std::vector<TensorRows> rows_of_sources;
    for (const TensorRows& source : input.sources) rows_of_sources.push_back(source.select(common_rows));
    const Used read = used(rows_of_sources, coefficients(rows_of_sources));
    if (!read.tensors.empty())
      for_rows(read.tensors, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) {
        result.index_copy_(0, common_rows.narrow(0, first, parts.front().size(0)), weighted_sum(parts, read.numbers));
      });
  }
  if (other_rows.numel() > 0) put_mean_of_holders(input, weights, other_rows, who, result);
  return result;
}

}  // namespace symphony
