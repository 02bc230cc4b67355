// How alike the experts of a layer are as functions: linear CKA, unbiased minibatch estimate, between the outputs (and the hidden activations)
// of every two experts on the same inputs: all of the merged model's FFN inputs on held-out in-domain text, not only the tokens routed to
// them. A minibatch is one window of every in-domain domain. CKA ignores rotations: aligning neurons cannot change it.
// Source: Kornblith et al. 2019, arXiv 1905.00414; Nguyen, Raghu and Kornblith 2021, arXiv 2010.15327, appendix (minibatch estimate).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/align/similarity.hpp"
#include "core/base/error.hpp"
#include "core/model/decoder_parameters.hpp"
#include "core/model/mlp.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"

namespace symphony {
namespace {

struct ExpertSimilarityParams {
  std::int64_t tokens = 2048;
  static void describe(Schema& s) {
    s.field<&ExpertSimilarityParams::tokens>("tokens", "in-domain tokens on which all experts are run, in equal shares of the domains").at_least(4).in("tokens");
  }
};

enum Kind { kOutput, kHidden, kNumKinds };
constexpr std::array<const char*, kNumKinds> kMetrics{"output_cka", "hidden_cka"};

/// A NaN must not pass for the one that the CKA of a constant expert is.
void expect_finite(const torch::Tensor& values, std::int64_t layer, const std::string& what) {
  const torch::Tensor finite = values.isfinite();
  if (finite.all().item<bool>()) return;
  const torch::Tensor wrong = values.masked_select(finite.logical_not());
  fail<NumericError>("eval.expert_similarity", "layer {}: {} of {} numbers in {} are not finite, the first is {}, expected finite numbers", layer, wrong.size(0), values.numel(),
                     what, wrong[0].item<double>());
}

/// Runs every expert of a layer on whatever its FFN reads and adds the minibatch to every pair's estimate.
class DenseExperts final : public Tap {
 public:
  explicit DenseExperts(const LanguageModel& model) : model_(model), num_experts_(static_cast<std::size_t>(model.spec().moe->num_experts)) {
    const auto num_layers = static_cast<std::size_t>(model.spec().num_layers);
    for (auto& of_kind : cka_) of_kind.assign(num_layers * num_experts_ * num_experts_, MinibatchCka());
  }
  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_in; }
  void record(Site, std::int64_t layer, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    expect_finite(values, layer, "the experts' input");
    std::array<std::vector<torch::Tensor>, kNumKinds> features;
    for (const FfnParameters& expert : layer_parameters(model_.spec(), nullptr, model_.parameters(), layer).ffns) {
      FfnOutput result = swiglu_ffn(expert, values);
      expect_finite(result.hidden_NF, layer, fmt::format("the hidden activations of expert {}", features[kOutput].size()));
      expect_finite(result.out_ND, layer, fmt::format("the output of expert {}", features[kOutput].size()));
      features[kOutput].push_back(std::move(result.out_ND));
      features[kHidden].push_back(std::move(result.hidden_NF));
    }
    for (std::size_t kind = 0; kind < kNumKinds; ++kind)
      for (std::size_t expert = 0; expert < num_experts_; ++expert)
        for (std::size_t other = 0; other <= expert; ++other)
          cka_[kind][place(static_cast<std::size_t>(layer), expert, other)].add(features[kind][expert], features[kind][other]);
    if (layer == 0) tokens_ += values.size(0);
  }
  /// [E, E], float64, symmetric; NaN where an expert is constant, or so nearly that its HSIC with itself is estimated below 0.
  torch::Tensor cka(std::size_t kind, std::size_t layer) const {
    const auto size = static_cast<std::int64_t>(num_experts_);
    torch::Tensor cka_EE = torch::empty({size, size}, torch::kDouble);
    for (std::size_t expert = 0; expert < num_experts_; ++expert)
      for (std::size_t other = 0; other <= expert; ++other) {
        const double value = cka_[kind][place(layer, expert, other)].finish().value;
        cka_EE[static_cast<std::int64_t>(expert)][static_cast<std::int64_t>(other)] = value;
        cka_EE[static_cast<std::int64_t>(other)][static_cast<std::int64_t>(expert)] = value;
      }
    return cka_EE;
  }
  std::int64_t tokens() const { return tokens_; }

 private:
  std::size_t place(std::size_t layer, std::size_t expert, std::size_t other) const { return (layer * num_experts_ + expert) * num_experts_ + other; }

  const LanguageModel& model_;
  std::size_t num_experts_;
  std::int64_t tokens_ = 0;
  std::array<std::vector<MinibatchCka>, kNumKinds> cka_;  ///< [layer, expert, other <= expert]
};

/// Minibatches of one window a domain, cut to the shortest domain's windows.
std::vector<torch::Tensor> minibatches(const std::vector<EvalDomain>& domains, std::int64_t tokens) {
  std::int64_t num_domains = 0, length = std::numeric_limits<std::int64_t>::max(), windows = length;
  for (const EvalDomain& domain : domains) {
    if (domain.out_of_distribution || domain.windows.size() == 0) continue;
    ++num_domains;
    length = std::min(length, domain.windows.tokens_NT.size(1));
    windows = std::min(windows, domain.windows.size());
  }
  if (num_domains == 0) fail<ConfigError>("eval.expert_similarity", "got no in-domain text, expected at least one domain that is not out of distribution");
  const std::int64_t wanted = std::max<std::int64_t>(1, tokens / (num_domains * length));
  std::vector<torch::Tensor> batches;
  for (std::int64_t window = 0; window < std::min(wanted, windows); ++window) {
    std::vector<torch::Tensor> rows;
    for (const EvalDomain& domain : domains)
      if (!domain.out_of_distribution && domain.windows.size() > 0) rows.push_back(domain.windows.tokens_NT[window].slice(0, 0, length));
    batches.push_back(torch::stack(rows));
  }
  return batches;
}

/// Mean over the pairs of different experts; NaN when one of them is constant.
double mean_between(const torch::Tensor& cka_EE) {
  const auto num_experts = static_cast<double>(cka_EE.size(0));
  return (cka_EE.sum() - cka_EE.diagonal().sum()).item<double>() / (num_experts * (num_experts - 1));
}

class ExpertSimilarity final : public Eval {
 public:
  explicit ExpertSimilarity(const ExpertSimilarityParams& params) : params_(params) {}
  int version() const override { return 1; }
  bool needs_experts() const override { return true; }
  bool applies_to(const Subject& subject) const override {
    return subject.model && subject.model->spec().moe && subject.model->spec().moe->num_experts > 1;
  }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    if (!applies_to(subject)) fail<ConfigError>("eval.expert_similarity", "got a model without several experts, expected a Mixture-of-Experts");
    const torch::NoGradGuard no_grad;
    DenseExperts experts(*subject.model);
    ForwardOptions options;
    options.tap = &experts;
    const auto batches = minibatches(domains, params_.tokens);
    for (std::size_t batch = 0; batch < batches.size(); ++batch) {
      subject.model->run(batches[batch], positions_for(batches[batch]), options);
      context.progress(static_cast<double>(batch + 1) / static_cast<double>(batches.size()));
    }
    return report(*subject.model, experts, batches.size(), *context.recorder);
  }

 private:
  static std::vector<EvalRow> report(const LanguageModel& model, const DenseExperts& experts, std::size_t num_batches, Recorder& recorder) {
    const auto num_layers = static_cast<std::size_t>(model.spec().num_layers);
    const auto num_experts = static_cast<std::size_t>(model.spec().moe->num_experts);
    const std::int64_t tokens = experts.tokens();
    const std::vector<RecordAxis> axes{{"layer", num_layers, {}, {}}, {"expert", num_experts, {}, {}}, {"other_expert", num_experts, {}, {}}};
    std::vector<EvalRow> rows;
    for (std::size_t kind = 0; kind < kNumKinds; ++kind) {
      std::vector<float> values;
      double mean = 0.0;
      const auto add = [&](const std::string& task, double value) {
        if (!std::isnan(value)) rows.push_back({task, kMetrics[kind], value, std::nan(""), tokens, "1", EvalRow::Better::neither});
      };
      for (std::size_t layer = 0; layer < num_layers; ++layer) {
        const torch::Tensor cka_EE = experts.cka(kind, layer);
        const torch::Tensor flat = cka_EE.to(torch::kFloat).contiguous();
        values.insert(values.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
        add(fmt::format("layer {}", layer), mean_between(cka_EE));
        mean += mean_between(cka_EE) / static_cast<double>(num_layers);
      }
      add(kMeanOverLayers, mean);
      recorder.array({kMetrics[kind], "1", kind == kOutput ? "linear CKA between the outputs of two experts on the same inputs"
                                                           : "linear CKA between the hidden activations of two experts on the same inputs"}, axes, values);
    }
    recorder.scalar({"tokens", "tokens", "n: tokens on which all experts were run"}, static_cast<double>(tokens));
    recorder.scalar({"batches", "1", "minibatches over which HSIC was averaged"}, static_cast<double>(num_batches));
    recorder.scalar({"output_features", "1", "d of the outputs"}, static_cast<double>(model.spec().hidden_size));
    recorder.scalar({"hidden_features", "1", "d of the hidden activations"}, static_cast<double>(model.spec().moe->expert_width));
    return rows;
  }

  ExpertSimilarityParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::ExpertSimilarity, symphony::ExpertSimilarityParams, "expert_similarity", /*revision=*/1,
                "linear CKA between the experts of a layer, on outputs and on hidden activations",
                "Kornblith et al. 2019, arXiv 1905.00414; Nguyen, Raghu and Kornblith 2021, arXiv 2010.15327");
