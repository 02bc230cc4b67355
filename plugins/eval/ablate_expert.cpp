// What an expert does, seen by taking it away: bits per byte of every domain with one expert removed from all layers, less the whole model's, on
// the same windows. A removed expert's slots stay empty and its tokens' other choices share its weight in their proportions; where it was a
// token's only choice, the token gets no expert in that layer. Routing share without an effect here is not specialisation.
//   own_effect  of the expert whose source was trained on the domain;   other_effect  mean over the other experts
// Experts are measured on the same windows, so their mean is taken within each window: more experts do not make it more certain.
// Source: ablation after Meyes et al. 2019, Ablation studies in artificial neural networks, arXiv 1901.08644.
#include <algorithm>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct AblateExpertParams {
  std::int64_t windows = 24, batch_size = 1;
  static void describe(Schema& s) {
    s.field<&AblateExpertParams::windows>("windows", "held-out windows of each domain, evenly chosen").at_least(2);
    s.field<&AblateExpertParams::batch_size>("batch_size", "windows in one pass; with 1 a window's bits are the same in any company").at_least(1);
  }
};

/// Another router's choices without one expert.
class AblatedRouter final : public Router {
 public:
  explicit AblatedRouter(const Router& router) : router_(router) {}

  /// -1: none is removed.
  std::int64_t removed = -1;

  RouterProperties properties() const override { return router_.properties(); }
  std::int64_t choices_per_token(std::int64_t num_experts) const override { return router_.choices_per_token(num_experts); }
  std::vector<RouterParameter> parameters(const ModelSpec& spec) const override { return router_.parameters(spec); }
  RouterOutput route(const RouterInput& input, const TensorMap& parameters) const override {
    RouterOutput output = router_.route(input, parameters);
    if (removed < 0) return output;
    const torch::Tensor gone_TK = output.choices_TK == removed;
    const torch::Tensor kept_TK = output.weights_TK.masked_fill(gone_TK, 0.0);
    const torch::Tensor before_T1 = output.weights_TK.sum(1, true), after_T1 = kept_TK.sum(1, true);
    output.weights_TK = torch::where(after_T1 > 0, kept_TK * (before_T1 / after_T1.clamp_min(1e-30)), kept_TK);
    output.choices_TK = output.choices_TK.masked_fill(gone_TK, -1);
    return output;
  }

 private:
  const Router& router_;
};

/// What taking an expert away adds to the bits per byte of every window: [domain][expert][window].
using Effects = std::vector<std::vector<std::vector<double>>>;

class AblateExpert final : public Eval {
 public:
  explicit AblateExpert(const AblateExpertParams& params) : params_(params) {}
  int version() const override { return 2; }
  bool needs_experts() const override { return true; }
  bool applies_to(const Subject& subject) const override {
    return subject.model && subject.model->spec().moe && subject.model->spec().moe->num_experts > 1;
  }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    if (!applies_to(subject)) fail<ConfigError>("eval.ablate_expert", "got a model without several experts, expected a Mixture-of-Experts");
    const auto num_experts = static_cast<std::size_t>(subject.model->spec().moe->num_experts);
    const auto router = std::make_shared<AblatedRouter>(*subject.model->router());
    const LanguageModel model(subject.model->as_model("ablated"), router, context.device, context.dtype);
    Effects effects(domains.size());
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      const WindowSet windows = some_windows(domains[domain].windows, params_.windows);
      const std::vector<double> whole = bits_per_byte(*router, -1, model, windows);
      for (std::size_t expert = 0; expert < num_experts; ++expert) {
        std::vector<double>& effect = effects[domain].emplace_back(bits_per_byte(*router, static_cast<std::int64_t>(expert), model, windows));
        std::transform(effect.begin(), effect.end(), whole.begin(), effect.begin(), std::minus<>());
      }
      context.progress(static_cast<double>(domain + 1) / static_cast<double>(domains.size()));
    }
    record(domains, effects, *context.recorder);
    return rows(subject, domains, effects);
  }

 private:
  std::vector<double> bits_per_byte(AblatedRouter& router, std::int64_t removed, const LanguageModel& model, const WindowSet& windows) const {
    router.removed = removed;
    std::vector<double> values = window_bits(model, windows, params_.batch_size);
    for (std::size_t window = 0; window < values.size(); ++window) values[window] /= windows.bytes[window];
    return values;
  }

  static std::vector<EvalRow> rows(const Subject& subject, const std::vector<EvalDomain>& domains, const Effects& effects) {
    std::vector<EvalRow> result;
    std::vector<Estimate> all_own, all_other;
    const auto add = [&](const std::string& task, const std::string& metric, const Estimate& effect) {
      result.push_back({task, metric, effect.mean, effect.std_error, effect.n, "bits", EvalRow::Better::neither});
    };
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      std::vector<std::vector<double>> own, other;
      for (std::size_t expert = 0; expert < effects[domain].size(); ++expert) {
        add(domains[domain].name, fmt::format("without_expert_{}", expert), mean_of(effects[domain][expert]));
        const bool is_own = expert < subject.expert_domains.size() && subject.expert_domains[expert] == domains[domain].name;
        (is_own ? own : other).push_back(effects[domain][expert]);
      }
      if (own.empty() || other.empty()) continue;  // a domain that no expert's source saw, or every one
      all_own.push_back(mean_of(mean_by_unit(own)));
      all_other.push_back(mean_of(mean_by_unit(other)));
    }
    if (!all_own.empty()) {
      add(kInDomain, "own_effect", mean_of_estimates(all_own));
      add(kInDomain, "other_effect", mean_of_estimates(all_other));
    }
    return result;
  }

  static void record(const std::vector<EvalDomain>& domains, const Effects& effects, Recorder& recorder) {
    RecordAxis domain_axis{"domain", domains.size(), {}, {}};
    std::vector<float> effect, error, num_windows;
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      domain_axis.labels.push_back(domains[domain].name);
      num_windows.push_back(static_cast<float>(effects[domain].front().size()));
      for (const std::vector<double>& windows : effects[domain]) {
        const Estimate estimate = mean_of(windows);
        effect.push_back(static_cast<float>(estimate.mean));
        error.push_back(static_cast<float>(estimate.std_error));
      }
    }
    const std::vector<RecordAxis> axes{domain_axis, {"expert", effects.front().size(), {}, {}}};
    recorder.array({"effect", "bits", "bits per byte without the expert, less those of the whole model"}, axes, effect);
    recorder.array({"effect_error", "bits", "its standard error over windows"}, axes, error);
    recorder.array({"windows", "windows", "n: windows that the error rests on"}, std::span(axes).first(1), num_windows);
  }

  AblateExpertParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::AblateExpert, symphony::AblateExpertParams, "ablate_expert", /*revision=*/2,
                "change of every domain's bits per byte when one expert is removed", "after Meyes et al. 2019, Ablation studies in artificial neural networks, arXiv 1901.08644");
