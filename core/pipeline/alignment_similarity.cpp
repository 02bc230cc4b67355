// How like the anchor every source is before and after: activations of all of them in step, a layer at a time, then weights.
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "core/align/similarity.hpp"
#include "core/base/text.hpp"
#include "core/model/layer_streamed.hpp"
#include "core/pipeline/alignment_report.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/tensor/pieces.hpp"

namespace symphony {

namespace {

/// The values at two sites, without the first position of every window, whose large activations would be all that is seen.
class PairTap final : public Tap {
 public:
  explicit PairTap(std::int64_t window_tokens) : window_tokens_(window_tokens) {}
  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_hidden || site == Site::residual; }
  void record(Site site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    const torch::Tensor later = values.reshape({-1, window_tokens_, values.size(1)}).narrow(1, 1, window_tokens_ - 1);
    (site == Site::residual ? residual : hidden).push_back(later.clone().reshape({-1, values.size(1)}));
  }
  std::vector<torch::Tensor> hidden, residual;

 private:
  std::int64_t window_tokens_;
};

/// Every feature at unit variance, which leaves CKA blind to the scales of FFN units too. A constant one stays.
torch::Tensor standardised(const torch::Tensor& values_TD) {
  const torch::Tensor deviation = values_TD.std(0, /*unbiased=*/false);
  return values_TD / torch::where(deviation > 0, deviation, torch::ones_like(deviation));
}

/// The estimator without bias: the tokens of a check are fewer than the features of an FFN.
double unbiased_cka(const torch::Tensor& x_TD, const torch::Tensor& y_TD) {
  constexpr std::int64_t kBatch = 1024, kSmallest = 4;
  if (x_TD.size(0) < kSmallest) return std::numeric_limits<double>::quiet_NaN();
  MinibatchCka cka;
  const std::int64_t num_batches = (x_TD.size(0) + kBatch - 1) / kBatch;
  const auto of_x = x_TD.tensor_split(num_batches), of_y = y_TD.tensor_split(num_batches);
  for (std::size_t batch = 0; batch < of_x.size(); ++batch) cka.add(of_x[batch], of_y[batch]);
  return cka.finish().value;
}

PairTap run_layer(LayerStreamed& stream, std::int64_t layer, std::int64_t window_tokens) {
  PairTap tap(window_tokens);
  stream.load_layer(layer);
  for (std::int64_t chunk = 0; chunk < stream.num_chunks(); ++chunk) stream.run_layer(chunk, &tap);
  stream.release_layer();
  return tap;
}

struct Similarities {
  std::vector<float> matched, hidden_cka, cosine, residual_cka;

  /// In `num_states` states that are the same.
  void add(const PairTap& anchor, const PairTap& other, std::size_t num_states) {
    const torch::Tensor hidden_a = torch::cat(anchor.hidden), hidden_b = torch::cat(other.hidden);
    const torch::Tensor residual_a = torch::cat(anchor.residual), residual_b = torch::cat(other.residual);
    const auto put = [num_states](std::vector<float>& values, double value) { values.insert(values.end(), num_states, static_cast<float>(value)); };
    put(matched, matched_correlation(hidden_a, hidden_b).value);
    put(hidden_cka, unbiased_cka(standardised(hidden_a), standardised(hidden_b)));
    put(cosine, mean_cosine(residual_a, residual_b).value);
    put(residual_cka, unbiased_cka(residual_a, residual_b));
  }
};

/// Which part of a model a tensor belongs to: embedding, a layer, or the head with its norm.
std::size_t part_of(const SpecTensor& tensor, std::int64_t num_layers) {
  if (tensor.layer >= 0) return static_cast<std::size_t>(tensor.layer) + 1;
  return tensor.kind == TensorKind::embedding ? 0 : static_cast<std::size_t>(num_layers) + 1;
}

/// By part, ||A - B||_F / ||A||_F over all tensors.
std::vector<double> weight_distance(const Model& anchor, const Model& other) {
  const auto parts = static_cast<std::size_t>(anchor.spec.num_layers) + 2;
  std::vector<double> difference(parts, 0), total(parts, 0);
  for (const SpecTensor& tensor : spec_tensors(anchor.spec)) {
    const std::size_t part = part_of(tensor, anchor.spec.num_layers);
    for_rows({anchor.tensors->by_rows(tensor.name), other.tensors->by_rows(tensor.name)}, [&](std::int64_t, const std::vector<torch::Tensor>& rows) {
      difference[part] += squared_distance(rows[0], rows[1]);
      total[part] += inner_products({rows[0]}).item<double>();
    });
  }
  for (std::size_t part = 0; part < parts; ++part) difference[part] = std::sqrt(difference[part] / total[part]);
  return difference;
}

/// Activations of all sources in step, one layer's tensors of one model in memory at a time: the anchor's first, then each source's before and after.
Similarities measure_similarity(const AlignedSources& aligned, const torch::Tensor& tokens_NT) {
  const std::int64_t num_layers = aligned.sources[aligned.anchor].spec.num_layers;
  std::vector<LayerStreamed> before, after;
  std::vector<std::optional<std::size_t>> place_after(aligned.sources.size());
  for (std::size_t index = 0; index < aligned.sources.size(); ++index) {
    before.emplace_back(aligned.sources[index], tokens_NT);
    if (is_identity(aligned.sets[index])) continue;
    place_after[index] = after.size();
    after.emplace_back(apply_transforms(aligned.sources[index], aligned.sets[index]), tokens_NT);
  }
  std::vector<Similarities> of_sources(aligned.sources.size());
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    const PairTap of_anchor = run_layer(before[aligned.anchor], layer, tokens_NT.size(1));
    for (std::size_t index = 0; index < aligned.sources.size(); ++index) {
      const auto moved = place_after[index];
      if (index == aligned.anchor) of_sources[index].add(of_anchor, of_anchor, moved ? 1 : 2);
      else of_sources[index].add(of_anchor, run_layer(before[index], layer, tokens_NT.size(1)), moved ? 1 : 2);
      if (moved) of_sources[index].add(of_anchor, run_layer(after[*moved], layer, tokens_NT.size(1)), 1);
    }
  }
  Similarities all;
  for (const Similarities& one : of_sources) {
    all.matched.insert(all.matched.end(), one.matched.begin(), one.matched.end());
    all.hidden_cka.insert(all.hidden_cka.end(), one.hidden_cka.begin(), one.hidden_cka.end());
    all.cosine.insert(all.cosine.end(), one.cosine.begin(), one.cosine.end());
    all.residual_cka.insert(all.residual_cka.end(), one.residual_cka.begin(), one.residual_cka.end());
  }
  return all;
}

/// Over sources, parts and {before, after}.
std::vector<float> measure_distances(const AlignedSources& aligned) {
  const Model& anchor = aligned.sources[aligned.anchor];
  std::vector<float> distances;
  for (std::size_t index = 0; index < aligned.sources.size(); ++index) {
    const Model& source = aligned.sources[index];
    const bool moves = !is_identity(aligned.sets[index]);
    const auto far = weight_distance(anchor, source), near = moves ? weight_distance(anchor, apply_transforms(source, aligned.sets[index])) : far;
    for (std::size_t part = 0; part < far.size(); ++part) distances.insert(distances.end(), {static_cast<float>(far[part]), static_cast<float>(near[part])});
  }
  return distances;
}

}  // namespace

void record_similarity(const AlignedSources& aligned, const torch::Tensor& tokens_NT, Recorder& recorder) {
  const std::int64_t num_layers = aligned.sources[aligned.anchor].spec.num_layers;
  const Similarities all = measure_similarity(aligned, tokens_NT);
  const std::vector<float> distance = measure_distances(aligned);
  const RecordAxis sources = source_axis(aligned.sources), layers{"layer", static_cast<std::size_t>(num_layers), {}, {}};
  const RecordAxis states{"state", 2, {"before", "after"}, {}};
  const auto put = [&](const char* name, const char* doc, const std::vector<float>& values) {
    recorder.array({name, "1", doc}, std::array{sources, layers, states}, values);
  };
  recorder.scalar({"alignment/similarity/tokens", "1", "tokens on which activations were compared; the first position of every window is left out"},
                  static_cast<double>(tokens_NT.size(0) * (tokens_NT.size(1) - 1)));
  put("alignment/similarity/matched_ffn", "mean correlation of FFN units of equal index with the anchor's", all.matched);
  put("alignment/similarity/ffn_cka", "unbiased linear CKA of FFN units, each at unit variance, with the anchor's; permutations, signs and scales cannot move it", all.hidden_cka);
  put("alignment/similarity/residual_cosine", "mean cosine of the residual streams leaving a layer", all.cosine);
  put("alignment/similarity/residual_cka", "unbiased linear CKA of the residual streams; no exact symmetry can move it", all.residual_cka);
  RecordAxis parts{"part", static_cast<std::size_t>(num_layers) + 2, {"embedding"}, {}};
  for (std::int64_t layer = 0; layer < num_layers; ++layer) parts.labels.push_back(fmt::format("layer {}", layer));
  parts.labels.emplace_back("head");
  recorder.array({"alignment/weight_distance", "1", "Frobenius distance to the anchor's weights over their norm"}, std::array{sources, parts, states}, distance);
}

}  // namespace symphony
