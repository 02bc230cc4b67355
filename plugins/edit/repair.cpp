// Variance repair of a merged model. Averaging rows that agree with correlation rho shrinks what they compute; every row of the averaged linear
// maps is rescaled (and, where it has a bias, shifted) so that its output has the standard deviation and mean that the sources have on average,
// weighed by a_i as they were in the fusion:
//   sigma* = sum_i a_i sigma_i,  mu* = sum_i a_i mu_i;   w_j <- f_j w_j,  b_j <- f_j (b_j - mu_j) + mu*_j,  f_j = clamp(sigma*_j / sigma_j)
// on calibration tokens, from the bottom up: each layer's statistics are taken with everything below repaired, first q, k and v, then o. A row that
// answers every token the same has f_j = 1: there is no deviation to scale. Source: Jordan et al. 2023, "REPAIR: REnormalizing Permuted Activations
// for Interpolation Repair", arXiv 2211.08403, equations 2 and 3.
// Differs from the paper: scales go into the weights of linear maps instead of added normalisation layers; without a bias there is no shift; query
// and key rows of a rotary pair and KV group share one factor, because rotary positions mix them; an edit does not see the fusion, so the weights
// must be given again. Differs from the paper, which repairs every averaged layer, in leaving FFNs alone: separate experts are no averages, and
// edit.expert_scale is theirs, but those of a dense merge are averages too and stay as quiet as the fusion made them.
// Sources must be aligned to one gauge first: row j of every source must be the same unit. Where the attention is one source's own (fusion.donor,
// experts.upcycle) there is nothing to repair, which an edit cannot see either: only weight 1 for that source and 0 for the others makes sense.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/model/layer_streamed.hpp"
#include "core/model/rms_norm.hpp"
#include "core/model/scaled_rows.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/edit.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

namespace symphony {
namespace {

struct RepairParams {
  double largest = 2;
  std::vector<double> weights;
  static void describe(Schema& s) {
    s.field<&RepairParams::largest>("largest", "largest factor of a row; the smallest is its reciprocal").range(1, 100);
    s.field<&RepairParams::weights>("weights", "one a source in configured order, divided by their sum: what the fusion of attention tensors gave them; empty: equal")
        .at_least(0);
  }
};

constexpr const char* kWho = "edit.repair";
/// A row whose standard deviation is no larger than this share of the median answers every token the same.
constexpr double kFloor = 1e-6;
constexpr std::array kReaders{"q_proj", "k_proj", "v_proj"};

/// Mean and standard deviation of every row's output over tokens, the first of each sequence left out: massive activations there would be all.
class RowMoments {
 public:
  void add(const torch::Tensor& values_TR, std::int64_t length) {
    const torch::Tensor values = values_TR.to(torch::kFloat64).reshape({-1, length, values_TR.size(1)}).narrow(1, 1, length - 1).flatten(0, 1);
    if (!sum_.defined()) sum_ = torch::zeros({values.size(1)}, torch::kFloat64), square_ = torch::zeros_like(sum_);
    sum_ += values.sum(0);
    square_ += values.square().sum(0);
    count_ += values.size(0);
  }
  torch::Tensor mean() const { return sum_ / static_cast<double>(count_); }
  torch::Tensor variance() const { return (square_ / static_cast<double>(count_) - mean().square()).clamp_min(0); }

 private:
  torch::Tensor sum_, square_;
  std::int64_t count_ = 0;
};

/// Row moments of the linear maps of one layer, by name after "model.layers.{l}.".
using LayerMoments = std::map<std::string, RowMoments>;

struct WeighedMoments {
  double weight;
  LayerMoments moments;
};

/// A source on its way through the layers.
struct WeighedSource {
  const Model& model;
  double weight;
  LayerStreamed stream;
};

/// Listens at the layer's ends and computes what its readers answer.
class MomentsTap final : public Tap {
 public:
  MomentsTap(const Model& model, std::int64_t layer, std::int64_t length, LayerMoments& moments) : length_(length), eps_(model.spec.norm_eps), moments_(moments) {
    const std::string prefix = layer_prefix(layer);
    gain_D_ = model.tensors->get(prefix + "input_layernorm.weight").to(torch::kFloat32);
    for (const char* reader : kReaders) {
      const std::string name = fmt::format("self_attn.{}", reader);
      const std::string bias = prefix + name + ".bias";
      readers_[name] = {model.tensors->get(prefix + name + ".weight").to(torch::kFloat32),
                        model.tensors->find(bias) ? model.tensors->get(bias).to(torch::kFloat32) : torch::Tensor{}};
    }
  }
  bool wants(Site site, std::int64_t) const override { return site == Site::residual_in || site == Site::attention_out; }
  void record(Site site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    if (site == Site::attention_out) return moments_["self_attn.o_proj"].add(values, length_);
    const torch::Tensor normed_TD = rms_norm_plain(values, gain_D_, eps_);
    for (const auto& [name, reader] : readers_) {
      const torch::Tensor output_TR = normed_TD.mm(reader.first.t());
      moments_[name].add(reader.second.defined() ? output_TR + reader.second : output_TR, length_);
    }
  }

 private:
  std::int64_t length_;
  double eps_;
  torch::Tensor gain_D_;
  std::map<std::string, std::pair<torch::Tensor, torch::Tensor>> readers_;  // weight, bias
  LayerMoments& moments_;
};

/// Mean variance over the rows that must share a factor: both features of a rotary pair, in all heads of a KV group.
torch::Tensor shared_by_pairs(const torch::Tensor& variance_R, const ModelSpec& spec) {
  const torch::Tensor split = variance_R.reshape({spec.num_kv_heads, -1, 2, spec.head_dim / 2});
  return split.mean(std::vector<std::int64_t>{1, 2}, true).expand_as(split).reshape({-1});
}

class Repair final : public Edit {
 public:
  explicit Repair(const RepairParams& params) : params_(params) {}

  bool needs_tokens() const override { return true; }

  TensorMap fit(const EditProblem& problem, const Context& context) const override {
    std::vector<WeighedSource> sources = weighed(problem);
    const auto changes = std::make_shared<TensorMap>();
    const Model model = with_scaled_rows(problem.model, changes);
    LayerStreamed merged(model, problem.tokens_NT, problem.router);
    const std::int64_t length = problem.tokens_NT.size(1);
    std::vector<float> mean_factors;
    for (std::int64_t layer = 0; layer < model.spec.num_layers; ++layer) {
      std::vector<WeighedMoments> wanted;
      for (auto& [source, weight, stream] : sources) {
        stream.load_layer(layer);
        wanted.push_back({weight, measured(stream, source, layer, length, /*advance=*/true)});
        stream.release_layer();
      }
      merged.load_layer(layer);
      double factors = 0;
      const auto repair = [&](const std::vector<std::string>& names) {
        const LayerMoments now = measured(merged, model, layer, length, /*advance=*/false);
        for (const std::string& name : names) factors += repair_rows(model, layer_prefix(layer) + name, wanted, now, name, *changes);
        merged.reload_layer();
      };
      repair({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
      repair({"self_attn.o_proj"});
      for (std::int64_t chunk = 0; chunk < merged.num_chunks(); ++chunk) merged.run_layer(chunk, nullptr);
      merged.release_layer();
      mean_factors.push_back(static_cast<float>(factors / 4));
    }
    const RecordAxis layers{"layer", mean_factors.size(), {}, {}};
    context.recorder->array({"edit/repair/mean_factor", "1", "mean factor of the repaired rows"}, std::array{layers}, mean_factors);
    return *changes;
  }

  Model edit(const EditProblem& problem, const Context&) const override {
    return with_scaled_rows(problem.model, std::make_shared<TensorMap>(problem.fitted));
  }

 private:
  /// Those of weight 0 have no say and are not read.
  std::vector<WeighedSource> weighed(const EditProblem& problem) const {
    if (problem.sources.empty()) fail<PluginError>(kWho, "there are no sources whose statistics the model could be given");
    std::vector<std::string> names;
    for (const Model& source : problem.sources) names.push_back(source.name);
    check_weights(params_.weights, names, kWho);
    const std::vector<double> weights = normalised_weights(params_.weights, names.size(), kWho);
    std::vector<WeighedSource> sources;
    for (std::size_t index = 0; index < weights.size(); ++index)
      if (weights[index] != 0.0) sources.push_back({problem.sources[index], weights[index], LayerStreamed(problem.sources[index], problem.tokens_NT)});
    return sources;
  }

  static LayerMoments measured(LayerStreamed& stream, const Model& model, std::int64_t layer, std::int64_t length, bool advance) {
    LayerMoments moments;
    MomentsTap tap(model, layer, length, moments);
    for (std::int64_t chunk = 0; chunk < stream.num_chunks(); ++chunk) {
      stream.run_attention(chunk, &tap, advance);
      if (advance) stream.run_ffn(chunk, &tap);
    }
    return moments;
  }

  /// The mean factor.
  double repair_rows(const Model& model, const std::string& tensor, const std::vector<WeighedMoments>& wanted, const LayerMoments& now,
                     const std::string& name, TensorMap& changes) const {
    const bool by_pairs = name.ends_with("q_proj") || name.ends_with("k_proj");
    const auto sigma = [&](const RowMoments& moments) {
      const torch::Tensor variance_R = moments.variance();
      return (by_pairs ? shared_by_pairs(variance_R, model.spec) : variance_R).sqrt();
    };
    const torch::Tensor present_R = sigma(now.at(name));
    torch::Tensor sigma_R = torch::zeros_like(present_R), mean_R = torch::zeros_like(present_R);
    for (const auto& [weight, moments] : wanted) {
      sigma_R += weight * sigma(moments.at(name));
      mean_R += weight * moments.at(name).mean();
    }
    const double smallest = std::max(kFloor * present_R.median().item<double>(), 1e-30);
    const torch::Tensor factor_R =
        torch::where(present_R > smallest, (sigma_R / present_R).clamp(1 / params_.largest, params_.largest), torch::ones_like(present_R));
    changes[tensor + ".weight.scale"] = factor_R;
    if (model.tensors->find(tensor + ".bias")) {
      changes[tensor + ".bias.scale"] = factor_R;
      changes[tensor + ".bias.shift"] = mean_R - factor_R * now.at(name).mean();
    }
    return factor_R.mean().item<double>();
  }

  RepairParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Edit, symphony::Repair, symphony::RepairParams, "repair", /*revision=*/2,
                "rescales the rows of averaged attention maps to the standard deviations that the sources have",
                "Jordan et al. 2023, REPAIR, arXiv 2211.08403");
