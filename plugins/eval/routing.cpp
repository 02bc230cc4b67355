// How a Mixture-of-Experts uses its experts on held-out text, layer by layer and domain by domain:
//   load f_e           share of the choices that expert e gets; its normalised entropy H(f) / ln E (1 is perfect balance)
//   dead experts       f_e < 0.01 / E over the in-domain text
//   logit spread       standard deviation over experts of a token's router logits, mean over tokens (0: the router does not discriminate)
//   I(expert; domain)  mutual information of a token's first expert and its domain, less the Miller-Madow bias, in bits; also as a share of H(domain)
//   own share          share of a domain's tokens whose first expert comes from the source that was trained on that domain
// The first expert is the one of largest weight. Every scored token counts once. Source: Shazeer et al. 2017, arXiv 1701.06538 (load);
// Miller 1955, Note on the bias of information estimates.
// T tokens, E experts, K choices.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

/// What one layer's router did on one domain's tokens.
struct Tally {
  explicit Tally(std::int64_t num_experts) : choices(static_cast<std::size_t>(num_experts)), first(static_cast<std::size_t>(num_experts)) {}
  std::vector<double> choices, first;  ///< counts by expert: all choices; the choice of largest weight
  double spread_sum = 0.0;
  double tokens = 0.0, tokens_with_logits = 0.0;
};

/// Counts what passes by. The sites of a layer come in the order logits, choices, weights.
class RoutingTap final : public Tap {
 public:
  RoutingTap(std::int64_t num_layers, std::int64_t num_experts) : num_experts_(num_experts), tallies_(static_cast<std::size_t>(num_layers), Tally(num_experts)) {}

  bool wants(Site site, std::int64_t) const override {
    return site == Site::router_logits || site == Site::router_choices || site == Site::router_weights;
  }

  void record(Site site, std::int64_t layer, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    Tally& tally = tallies_[static_cast<std::size_t>(layer)];
    const torch::Tensor counted = values.slice(0, first_counted);
    if (site == Site::router_logits && values.defined()) {
      tally.spread_sum += counted.to(torch::kDouble).std(1, /*unbiased=*/false).sum().item<double>();
      tally.tokens_with_logits += static_cast<double>(counted.size(0));
    } else if (site == Site::router_choices) {
      choices_TK_ = counted.to(torch::kCPU);
    } else if (site == Site::router_weights) {
      count(tally, counted.to(torch::kCPU));
    }
  }

  /// Tokens before this one are context that an earlier window has counted.
  std::int64_t first_counted = 0;
  const std::vector<Tally>& tallies() const { return tallies_; }

 private:
  void count(Tally& tally, const torch::Tensor& weights_TK) {
    // Unused slots (-1) are counted in an extra bin that is dropped, and never come first.
    const torch::Tensor used_TK = choices_TK_ >= 0;
    const torch::Tensor bins_TK = torch::where(used_TK, choices_TK_, torch::full_like(choices_TK_, num_experts_));
    const torch::Tensor first_T1 = torch::where(used_TK, weights_TK, torch::full_like(weights_TK, -1.0)).argmax(1, true);
    add_counts(tally.choices, bins_TK.flatten());
    add_counts(tally.first, bins_TK.gather(1, first_T1).flatten());
    tally.tokens += static_cast<double>(bins_TK.size(0));
  }

  void add_counts(std::vector<double>& counts, const torch::Tensor& bins) const {
    const torch::Tensor found = torch::bincount(bins, {}, num_experts_ + 1);
    for (std::size_t expert = 0; expert < counts.size(); ++expert) counts[expert] += static_cast<double>(found[static_cast<std::int64_t>(expert)].item<std::int64_t>());
  }

  std::int64_t num_experts_;
  std::vector<Tally> tallies_;
  torch::Tensor choices_TK_;
};

using DomainTallies = std::vector<std::vector<Tally>>;  ///< [domain][layer]

double normalised_entropy(const std::vector<double>& counts) {
  return counts.size() < 2 ? 1.0 : entropy_nats(counts) / std::log(static_cast<double>(counts.size()));
}

/// NaN for a domain that no expert's source, or every expert's, was trained on: there the share says nothing of the router.
double own_share(const Tally& tally, const std::string& domain, const std::vector<std::string>& expert_domains) {
  const auto own_experts = static_cast<std::size_t>(std::count(expert_domains.begin(), expert_domains.end(), domain));
  if (own_experts == 0 || own_experts == expert_domains.size()) return std::numeric_limits<double>::quiet_NaN();
  double own = 0.0;
  for (std::size_t expert = 0; expert < expert_domains.size(); ++expert)
    if (expert_domains[expert] == domain) own += tally.first[expert];
  return own / tally.tokens;
}

/// All numbers of one layer over the in-domain text.
struct LayerSummary {
  double load_entropy = 0.0, dead_experts = 0.0, logit_spread = 0.0, information_bits = 0.0, information_plug_in_bits = 0.0, information_share = 0.0;
};

LayerSummary summarise(const DomainTallies& tallies, const std::vector<EvalDomain>& domains, std::size_t layer) {
  Tally pooled(static_cast<std::int64_t>(tallies[0][layer].choices.size()));
  std::vector<double> first_by_domain, domain_tokens;  // [domain, expert]
  for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
    if (domains[domain_idx].out_of_distribution) continue;
    const Tally& tally = tallies[domain_idx][layer];
    std::transform(pooled.choices.begin(), pooled.choices.end(), tally.choices.begin(), pooled.choices.begin(), std::plus<>());
    first_by_domain.insert(first_by_domain.end(), tally.first.begin(), tally.first.end());
    domain_tokens.push_back(tally.tokens);
    pooled.spread_sum += tally.spread_sum;
    pooled.tokens_with_logits += tally.tokens_with_logits;
    pooled.tokens += tally.tokens;
  }
  const double num_choices = std::max(1.0, std::accumulate(pooled.choices.begin(), pooled.choices.end(), 0.0));
  const auto num_experts = static_cast<double>(pooled.choices.size());
  LayerSummary summary;
  summary.load_entropy = normalised_entropy(pooled.choices);
  summary.dead_experts = static_cast<double>(
      std::count_if(pooled.choices.begin(), pooled.choices.end(), [&](double count) { return count / num_choices < 0.01 / num_experts; }));
  summary.logit_spread = pooled.tokens_with_logits > 0 ? pooled.spread_sum / pooled.tokens_with_logits : std::numeric_limits<double>::quiet_NaN();
  const MutualInformation information = mutual_information(first_by_domain, pooled.choices.size());
  summary.information_bits = information.corrected / std::numbers::ln2;
  summary.information_plug_in_bits = information.plug_in / std::numbers::ln2;
  const double domain_entropy = entropy_nats(domain_tokens);
  summary.information_share = domain_entropy > 0 ? information.corrected / domain_entropy : std::numeric_limits<double>::quiet_NaN();
  return summary;
}

class Routing final : public Eval {
 public:
  explicit Routing(const NoParams&) {}
  int version() const override { return 1; }
  bool needs_experts() const override { return true; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    if (!applies_to(subject)) fail<ConfigError>("eval.routing", "got a model without experts, expected a Mixture-of-Experts");
    if (std::all_of(domains.begin(), domains.end(), [](const EvalDomain& domain) { return domain.out_of_distribution; }))
      fail<ConfigError>("eval.routing", "got no in-domain text, expected at least one domain that is not out of distribution");
    DomainTallies tallies;
    for (const EvalDomain& domain : domains) {
      tallies.push_back(count(*subject.model, domain.windows));
      context.progress(static_cast<double>(tallies.size()) / static_cast<double>(domains.size()));
    }
    std::vector<LayerSummary> layers;
    for (std::size_t layer = 0; layer < tallies[0].size(); ++layer) layers.push_back(summarise(tallies, domains, layer));
    record(subject, domains, tallies, layers, *context.recorder);
    return rows(subject, domains, tallies, layers);
  }

 private:
  /// One window at a time, so that the counts are those of any batch size.
  static std::vector<Tally> count(const LanguageModel& model, const WindowSet& windows) {
    const torch::NoGradGuard no_grad;
    RoutingTap tap(model.spec().num_layers, model.spec().moe->num_experts);
    ForwardOptions options;
    options.tap = &tap;
    for (std::int64_t window = 0; window < windows.size(); ++window) {
      const torch::Tensor inputs_BT = windows.tokens_NT.slice(0, window, window + 1).slice(1, 0, -1).contiguous();
      tap.first_counted = windows.first_scored[static_cast<std::size_t>(window)] - 1;
      model.run(inputs_BT, positions_for(inputs_BT), options);
    }
    return tap.tallies();
  }

  static void record(const Subject& subject, const std::vector<EvalDomain>& domains, const DomainTallies& tallies, const std::vector<LayerSummary>& layers,
                     Recorder& recorder) {
    const std::size_t num_experts = tallies[0][0].choices.size();
    RecordAxis domain_axis{"domain", domains.size(), {}, {}};
    for (const EvalDomain& domain : domains) domain_axis.labels.push_back(domain.name);
    const std::vector<RecordAxis> axes{{"layer", layers.size(), {}, {}}, domain_axis, {"expert", num_experts, {}, {}}};
    std::vector<float> load, first, entropy, spread, own, tokens;
    for (std::size_t layer = 0; layer < layers.size(); ++layer)
      for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
        const Tally& tally = tallies[domain_idx][layer];
        const double num_choices = std::max(1.0, std::accumulate(tally.choices.begin(), tally.choices.end(), 0.0));
        for (std::size_t expert = 0; expert < num_experts; ++expert) {
          load.push_back(static_cast<float>(tally.choices[expert] / num_choices));
          first.push_back(static_cast<float>(tally.first[expert] / tally.tokens));
        }
        entropy.push_back(static_cast<float>(normalised_entropy(tally.choices)));
        spread.push_back(static_cast<float>(tally.spread_sum / tally.tokens_with_logits));
        own.push_back(static_cast<float>(own_share(tally, domains[domain_idx].name, subject.expert_domains)));
        tokens.push_back(static_cast<float>(tally.tokens));
      }
    const auto by_domain = std::span(axes).first(2);
    recorder.array({"load", "1", "share of the choices that each expert gets"}, axes, load);
    recorder.array({"first_choice", "1", "share of the tokens whose expert of largest weight it is"}, axes, first);
    recorder.array({"load_entropy", "1", "entropy of the load / log of the number of experts"}, by_domain, entropy);
    recorder.array({"logit_spread", "1", "standard deviation over experts of a token's router logits, mean over tokens; NaN without logits"}, by_domain, spread);
    recorder.array({"own_expert_share", "1", "share of the tokens whose first expert's source was trained on the domain; NaN where that says nothing"}, by_domain, own);
    recorder.array({"tokens", "tokens", "tokens counted"}, by_domain, tokens);
    record_layers(layers, std::span(axes).first(1), recorder);
  }

  static void record_layers(const std::vector<LayerSummary>& layers, std::span<const RecordAxis> axis, Recorder& recorder) {
    const auto column = [&](const RecordInfo& info, double LayerSummary::*member) {
      std::vector<float> values;
      for (const LayerSummary& layer : layers) values.push_back(static_cast<float>(layer.*member));
      recorder.array(info, axis, values);
    };
    column({"dead_experts", "experts", "experts with a load below 0.01 / E on in-domain text"}, &LayerSummary::dead_experts);
    column({"expert_domain_information", "bits", "mutual information of first expert and domain, Miller-Madow corrected"}, &LayerSummary::information_bits);
    column({"expert_domain_information_plug_in", "bits", "the same without correction"}, &LayerSummary::information_plug_in_bits);
    column({"expert_domain_information_share", "1", "the corrected one / entropy of the domain"}, &LayerSummary::information_share);
  }

  static std::vector<EvalRow> rows(const Subject& subject, const std::vector<EvalDomain>& domains, const DomainTallies& tallies,
                                   const std::vector<LayerSummary>& layers) {
    std::int64_t tokens = 0;
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx)
      if (!domains[domain_idx].out_of_distribution) tokens += static_cast<std::int64_t>(tallies[domain_idx][0].tokens);
    std::vector<EvalRow> result;
    const auto add = [&](const std::string& task, const char* metric, double value, const char* unit, std::int64_t n) {
      if (!std::isnan(value)) result.push_back({task, metric, value, std::nan(""), n, unit, EvalRow::Better::neither});
    };
    LayerSummary mean;
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      const std::string task = fmt::format("layer {}", layer);
      for (const auto& [metric, unit, member] : kColumns) {
        add(task, metric, layers[layer].*member, unit, tokens);
        mean.*member += layers[layer].*member / static_cast<double>(layers.size());
      }
    }
    for (const auto& [metric, unit, member] : kColumns) add(kMeanOverLayers, metric, mean.*member, unit, tokens);
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
      double own = 0.0;
      for (const Tally& tally : tallies[domain_idx]) own += own_share(tally, domains[domain_idx].name, subject.expert_domains) / static_cast<double>(layers.size());
      add(domains[domain_idx].name, "own_expert_share", own, "1", static_cast<std::int64_t>(tallies[domain_idx][0].tokens));
    }
    return result;
  }

  struct Column {
    const char* metric;
    const char* unit;
    double LayerSummary::*member;
  };
  static constexpr std::array<Column, 5> kColumns{{{"load_entropy", "1", &LayerSummary::load_entropy},
                                                   {"dead_experts", "experts", &LayerSummary::dead_experts},
                                                   {"logit_spread", "1", &LayerSummary::logit_spread},
                                                   {"expert_domain_information", "bits", &LayerSummary::information_bits},
                                                   {"expert_domain_information_share", "1", &LayerSummary::information_share}}};
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::Routing, symphony::NoParams, "routing", /*revision=*/1,
                "load, balance, dead experts, logit spread, and what the choice of expert tells of the domain",
                "Shazeer et al. 2017, arXiv 1701.06538; Miller 1955, Note on the bias of information estimates");
