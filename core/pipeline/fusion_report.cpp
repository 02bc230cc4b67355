// One pass over the tensors that are fused: inner products of the sources, and the norm of what the method makes of them.
#include "core/pipeline/fusion_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/pipeline/byte_progress.hpp"
#include "core/pipeline/row_reader.hpp"
#include "core/plugin/fusion_arithmetic.hpp"
#include "core/tensor/pieces.hpp"

namespace symphony {

namespace {

/// How like each other the tensors are that were averaged, and how much norm the average loses, of one tensor.
struct FusionLoss {
  double pairwise_cosine = 1.0;
  double norm_ratio = 1.0;
};

/// Inner products of the sources' tensors. What is made to find them is gone before the merged tensor is made.
torch::Tensor gram_of_sources(const std::string& tensor, const std::vector<Model>& aligned) {
  RowReader reader(aligned.front().spec);
  std::vector<TensorRows> values;
  for (const Model& source : aligned) values.push_back(reader.read(source, tensor));
  return gram_matrix(values, std::vector<double>(values.size(), 1.0));
}

FusionLoss fusion_loss(const std::string& tensor, const Model& merged, const std::vector<Model>& aligned) {
  const torch::Tensor gram_NN = gram_of_sources(tensor, aligned);
  const auto gram = gram_NN.accessor<double, 2>();
  const std::int64_t count = gram_NN.size(0);
  double pair_sum = 0.0, norm_sum = 0.0;
  for (std::int64_t a = 0; a < count; ++a) {
    norm_sum += std::sqrt(gram[a][a]);
    for (std::int64_t b = a + 1; b < count; ++b) pair_sum += gram[a][b] / std::max(1e-30, std::sqrt(gram[a][a]) * std::sqrt(gram[b][b]));
  }
  const double pairs = static_cast<double>(count * (count - 1)) / 2.0, fused_square = inner_products({merged.tensors->get(tensor)}).item<double>();
  return {pairs > 0 ? pair_sum / pairs : 1.0, std::sqrt(fused_square) / std::max(1e-30, norm_sum / static_cast<double>(count))};
}

/// Bytes of a tensor in each source together.
std::uint64_t bytes_read(const std::vector<Model>& aligned, const std::string& tensor) {
  std::uint64_t bytes = 0;
  for (const Model& source : aligned) {
    const TensorInfo& info = source.tensors->info(tensor);
    bytes += torch::elementSize(info.dtype) * static_cast<std::uint64_t>(c10::multiply_integers(info.shape));
  }
  return bytes;
}

}  // namespace

void record_fusion(const Model& merged, const std::vector<Model>& aligned, StageScope& scope) {
  struct Sums {
    double cosine = 0.0, ratio = 0.0, count = 0.0;
  };
  std::map<TensorKind, Sums> sums;
  std::vector<SpecTensor> fused;
  std::uint64_t total = 0, done = 0;
  for (SpecTensor& tensor : spec_tensors(aligned.front().spec)) {
    if (!merged.tensors->find(tensor.name)) continue;
    total += bytes_read(aligned, tensor.name);
    fused.push_back(std::move(tensor));
  }
  const auto progress = byte_progress(scope);
  for (const SpecTensor& tensor : fused) {
    const FusionLoss loss = fusion_loss(tensor.name, merged, aligned);
    Sums& sum = sums[tensor.kind];
    sum.cosine += loss.pairwise_cosine;
    sum.ratio += loss.norm_ratio;
    sum.count += 1.0;
    progress(done += bytes_read(aligned, tensor.name), total);
  }
  std::vector<float> cosine, norm_ratio;
  RecordAxis axis{"kind", 0, {}, {}};
  for (const TensorKind kind : {TensorKind::embedding, TensorKind::attention, TensorKind::norm, TensorKind::lm_head, TensorKind::ffn}) {
    const auto found = sums.find(kind);
    if (found == sums.end()) continue;
    axis.labels.push_back(kind_name(kind));
    cosine.push_back(static_cast<float>(found->second.cosine / found->second.count));
    norm_ratio.push_back(static_cast<float>(found->second.ratio / found->second.count));
  }
  axis.size = axis.labels.size();
  scope.record.array({"fusion/pairwise_cosine", "1", "mean cosine between the aligned sources' tensors, by kind"}, std::array{axis}, cosine);
  scope.record.array({"fusion/norm_ratio", "1", "norm of the merged tensor over the sources' mean norm, by kind"}, std::array{axis}, norm_ratio);
}

}  // namespace symphony
