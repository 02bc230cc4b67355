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

/// Runs every expert of a layer on whatever its FFN reads and adds the minibatch.
class DenseExperts final : public Tap {
 public:
  explicit DenseExperts(const LanguageModel& model) : model_(model) {
    const ModelSpec& spec = model.spec();
    for (auto& of_kind : cka_) of_kind.assign(static_cast<std::size_t>(spec.num_layers), MinibatchCka(spec.moe->num_experts));
  }
  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_in; }
  void record(Site, std::int64_t layer, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    std::array<std::vector<torch::Tensor>, kNumKinds> features;
    for (const FfnParameters& expert : layer_parameters(model_.spec(), nullptr, model_.parameters(), layer).ffns) {
      FfnOutput result = swiglu_ffn(expert, values);
      features[kOutput].push_back(std::move(result.out_ND));
      features[kHidden].push_back(std::move(result.hidden_NF));
    }
    for (std::size_t kind = 0; kind < kNumKinds; ++kind) cka_[kind][static_cast<std::size_t>(layer)].add(features[kind]);
  }
  const MinibatchCka& cka(std::size_t kind, std::size_t layer) const { return cka_[kind][layer]; }

 private:
  const LanguageModel& model_;
  std::array<std::vector<MinibatchCka>, kNumKinds> cka_;
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
    return report(*subject.model, experts, *context.recorder);
  }

 private:
  static std::vector<EvalRow> report(const LanguageModel& model, const DenseExperts& experts, Recorder& recorder) {
    const auto num_layers = static_cast<std::size_t>(model.spec().num_layers);
    const auto num_experts = static_cast<std::size_t>(model.spec().moe->num_experts);
    const std::int64_t tokens = experts.cka(kOutput, 0).tokens();
    const std::vector<RecordAxis> axes{{"layer", num_layers, {}, {}}, {"expert", num_experts, {}, {}}, {"other_expert", num_experts, {}, {}}};
    std::vector<EvalRow> rows;
    for (std::size_t kind = 0; kind < kNumKinds; ++kind) {
      std::vector<float> values;
      double mean = 0.0;
      const auto add = [&](const std::string& task, double value) {
        if (!std::isnan(value)) rows.push_back({task, kMetrics[kind], value, std::nan(""), tokens, "1", EvalRow::Better::neither});
      };
      for (std::size_t layer = 0; layer < num_layers; ++layer) {
        const torch::Tensor cka_EE = experts.cka(kind, layer).finish();
        const torch::Tensor flat = cka_EE.to(torch::kFloat).contiguous();
        values.insert(values.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
        add(fmt::format("layer {}", layer), mean_between(cka_EE));
        mean += mean_between(cka_EE) / static_cast<double>(num_layers);
      }
      add("mean over layers", mean);
      recorder.array({kMetrics[kind], "1", kind == kOutput ? "linear CKA between the outputs of two experts on the same inputs"
                                                           : "linear CKA between the hidden activations of two experts on the same inputs"}, axes, values);
    }
    recorder.scalar({"tokens", "tokens", "n: tokens on which all experts were run"}, static_cast<double>(tokens));
    recorder.scalar({"batches", "1", "minibatches over which HSIC was averaged"}, static_cast<double>(experts.cka(kOutput, 0).batches()));
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
