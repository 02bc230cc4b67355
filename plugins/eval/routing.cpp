// How a Mixture-of-Experts uses its experts on held-out text, layer by layer and domain by domain:
//   load f_e           share of the choices that expert e gets; its normalised entropy H(f) / ln E (1 is perfect balance)
//   dead experts       f_e < 0.01 / E over the in-domain text
//   logit spread       standard deviation over experts of a token's router logits, mean over tokens (0: the router does not discriminate)
//   I(expert; domain)  mutual information of a token's first expert and its domain, less the Miller-Madow bias, in bits; also as a share of H(domain)
//   own share          share of a domain's tokens whose first expert comes from the source that was trained on that domain
// The first expert is the one of largest weight. Every scored token counts once. Standard errors are over windows, drawn within their domain: of a
// ratio for the own share, by the jackknife for what comes from the counts of all in-domain text; dead experts, a count over all of it, have none.
// Source: Shazeer et al. 2017, arXiv 1701.06538 (load); Miller 1955, Note on the bias of information estimates.
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

/// What one layer's router did on some tokens of one domain.
struct Tally {
  explicit Tally(std::int64_t num_experts) : choices(static_cast<std::size_t>(num_experts)), first(static_cast<std::size_t>(num_experts)) {}
  std::vector<double> choices, first;  ///< counts by expert: all choices; the choice of largest weight
  double spread_sum = 0.0;
  double tokens = 0.0, tokens_with_logits = 0.0;

  /// Adds the other's tokens, each `times` times.
  void add(const Tally& other, double times = 1.0) {
    for (std::size_t expert = 0; expert < choices.size(); ++expert) {
      choices[expert] += times * other.choices[expert];
      first[expert] += times * other.first[expert];
    }
    spread_sum += times * other.spread_sum;
    tokens += times * other.tokens;
    tokens_with_logits += times * other.tokens_with_logits;
  }
};
using LayerTallies = std::vector<Tally>;

/// `experts_TK`: the expert that each of `values_TK` is about.
void expect_finite(const torch::Tensor& values_TK, const torch::Tensor& experts_TK, const char* what, std::int64_t layer) {
  const torch::Tensor wrong = values_TK.isfinite().logical_not().nonzero();
  if (wrong.size(0) == 0) return;
  const auto row = wrong[0][0].item<std::int64_t>(), column = wrong[0][1].item<std::int64_t>();
  fail<NumericError>("eval.routing", "layer {}: the {} of expert {} is {}, expected a finite number", layer, what, experts_TK[row][column].item<std::int64_t>(),
                     values_TK[row][column].item<double>());
}

/// Counts what passes by of one window. The sites of a layer come in the order logits, choices, weights.
class RoutingTap final : public Tap {
 public:
  /// Tokens before `first_counted` are context that an earlier window has counted.
  RoutingTap(std::int64_t num_layers, std::int64_t num_experts, std::int64_t first_counted)
      : num_experts_(num_experts), first_counted_(first_counted), tallies_(static_cast<std::size_t>(num_layers), Tally(num_experts)) {}

  bool wants(Site site, std::int64_t) const override {
    return site == Site::router_logits || site == Site::router_choices || site == Site::router_weights;
  }

  void record(Site site, std::int64_t layer, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    Tally& tally = tallies_[static_cast<std::size_t>(layer)];
    const torch::Tensor counted = values.slice(0, first_counted_).to(torch::kCPU);
    if (site == Site::router_logits) {
      expect_finite(counted, torch::arange(num_experts_).expand_as(counted), "router's logit", layer);
      tally.spread_sum += counted.to(torch::kDouble).std(1, /*unbiased=*/false).sum().item<double>();
      tally.tokens_with_logits += static_cast<double>(counted.size(0));
    } else if (site == Site::router_choices) {
      choices_TK_ = counted;
    } else {
      expect_finite(counted, choices_TK_, "weight", layer);
      count(tally, counted);
    }
  }

  const LayerTallies& tallies() const { return tallies_; }

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

  std::int64_t num_experts_, first_counted_;
  LayerTallies tallies_;
  torch::Tensor choices_TK_;
};

/// One domain: its windows, and their sum.
struct DomainTally {
  std::vector<LayerTallies> windows;
  LayerTallies total;
};

double normalised_entropy(const std::vector<double>& counts) {
  return counts.size() < 2 ? 1.0 : entropy_nats(counts) / std::log(static_cast<double>(counts.size()));
}

/// Tokens whose first expert's source was trained on the domain.
double own_tokens(const Tally& tally, const std::string& domain, const std::vector<std::string>& expert_domains) {
  double own = 0.0;
  for (std::size_t expert = 0; expert < expert_domains.size(); ++expert)
    if (expert_domains[expert] == domain) own += tally.first[expert];
  return own;
}

/// False for a domain that no expert's source, or every expert's, was trained on: there the own share says nothing of the router.
bool has_own_share(const std::string& domain, const std::vector<std::string>& expert_domains) {
  const auto own_experts = static_cast<std::size_t>(std::count(expert_domains.begin(), expert_domains.end(), domain));
  return own_experts > 0 && own_experts < expert_domains.size();
}

/// Mean over layers.
Estimate own_share(const DomainTally& tally, const std::string& domain, const std::vector<std::string>& expert_domains) {
  std::vector<double> own, tokens;
  for (const LayerTallies& layers : tally.windows) {
    double sum = 0.0;
    for (const Tally& layer : layers) sum += own_tokens(layer, domain, expert_domains);
    own.push_back(sum / static_cast<double>(layers.size()));
    tokens.push_back(layers.front().tokens);
  }
  return ratio_of(own, tokens);
}

/// All numbers of one layer over the in-domain text. NaN: the spread of a router without logits, the share of the information about a single domain.
struct LayerSummary {
  double load_entropy = 0.0, dead_experts = 0.0, logit_spread = 0.0, information_bits = 0.0, information_plug_in_bits = 0.0, information_share = 0.0;
};

struct Column {
  const char* metric;
  const char* unit;
  double LayerSummary::*member;
  bool has_error = true;
};
constexpr std::array<Column, 5> kColumns{{{"load_entropy", "1", &LayerSummary::load_entropy},
                                          {"dead_experts", "experts", &LayerSummary::dead_experts, false},
                                          {"logit_spread", "1", &LayerSummary::logit_spread},
                                          {"expert_domain_information", "bits", &LayerSummary::information_bits},
                                          {"expert_domain_information_share", "1", &LayerSummary::information_share}}};

/// `domains`: the in-domain ones, all layers of each.
LayerSummary summarise(const std::vector<LayerTallies>& domains, std::size_t layer) {
  Tally pooled(static_cast<std::int64_t>(domains.front()[layer].choices.size()));
  std::vector<double> first_by_domain, domain_tokens;  // [domain, expert]
  for (const LayerTallies& domain : domains) {
    const Tally& tally = domain[layer];
    pooled.add(tally);
    first_by_domain.insert(first_by_domain.end(), tally.first.begin(), tally.first.end());
    domain_tokens.push_back(tally.tokens);
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

/// Every layer, and last the mean over layers.
std::vector<LayerSummary> summaries(const std::vector<LayerTallies>& domains) {
  const std::size_t num_layers = domains.front().size();
  std::vector<LayerSummary> layers;
  LayerSummary mean;
  for (std::size_t layer = 0; layer < num_layers; ++layer) {
    layers.push_back(summarise(domains, layer));
    for (const Column& column : kColumns) mean.*column.member += layers.back().*column.member / static_cast<double>(num_layers);
  }
  layers.push_back(mean);
  return layers;
}

/// Summaries of all in-domain text, and of that without each window, the domain's others standing in for it: [domain][window].
struct Measured {
  std::vector<LayerSummary> all;
  std::vector<std::vector<std::vector<LayerSummary>>> without;
  std::int64_t num_windows = 0;

  double error(std::size_t layer, double LayerSummary::*member) const {
    std::vector<std::vector<double>> values;
    for (const auto& windows : without) {
      values.emplace_back();
      for (const auto& layers : windows) values.back().push_back(layers[layer].*member);
    }
    return jackknife_error(values);
  }
};

Measured measure(const std::vector<DomainTally>& tallies, const std::vector<EvalDomain>& domains) {
  std::vector<LayerTallies> totals;
  std::vector<const DomainTally*> in_domain;
  for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
    if (domains[domain_idx].out_of_distribution) continue;
    totals.push_back(tallies[domain_idx].total);
    in_domain.push_back(&tallies[domain_idx]);
  }
  Measured measured{summaries(totals), {}, 0};
  for (std::size_t domain_idx = 0; domain_idx < in_domain.size(); ++domain_idx) {
    measured.without.emplace_back();
    const auto num_windows = static_cast<double>(in_domain[domain_idx]->windows.size());
    const double times = num_windows / (num_windows - 1.0);
    for (const LayerTallies& window : in_domain[domain_idx]->windows) {
      std::vector<LayerTallies> rest = totals;
      for (std::size_t layer = 0; layer < window.size(); ++layer) {
        Tally others = totals[domain_idx][layer];
        others.add(window[layer], -1.0);  // whole numbers: what only this window had becomes exactly 0
        rest[domain_idx][layer] = Tally(static_cast<std::int64_t>(others.choices.size()));
        rest[domain_idx][layer].add(others, times);
      }
      measured.without.back().push_back(summaries(rest));
      ++measured.num_windows;
    }
  }
  return measured;
}

class Routing final : public Eval {
 public:
  explicit Routing(const NoParams&) {}
  int version() const override { return 2; }
  bool needs_experts() const override { return true; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    if (!applies_to(subject)) fail<ConfigError>("eval.routing", "got a model without experts, expected a Mixture-of-Experts");
    if (std::all_of(domains.begin(), domains.end(), [](const EvalDomain& domain) { return domain.out_of_distribution; }))
      fail<ConfigError>("eval.routing", "got no in-domain text, expected at least one domain that is not out of distribution");
    std::vector<DomainTally> tallies;
    for (const EvalDomain& domain : domains) {
      tallies.push_back(count(*subject.model, domain.windows));
      context.progress(static_cast<double>(tallies.size()) / static_cast<double>(domains.size()));
    }
    const Measured measured = measure(tallies, domains);
    record(subject, domains, tallies, *context.recorder);
    record_layers(std::span(measured.all).first(measured.all.size() - 1), *context.recorder);
    return rows(subject, domains, tallies, measured);
  }

 private:
  /// One window at a time, so that the counts are those of any batch size.
  static DomainTally count(const LanguageModel& model, const WindowSet& windows) {
    const torch::NoGradGuard no_grad;
    DomainTally result{{}, LayerTallies(static_cast<std::size_t>(model.spec().num_layers), Tally(model.spec().moe->num_experts))};
    for (std::int64_t window = 0; window < windows.size(); ++window) {
      RoutingTap tap(model.spec().num_layers, model.spec().moe->num_experts, windows.first_scored[static_cast<std::size_t>(window)] - 1);
      ForwardOptions options;
      options.tap = &tap;
      const torch::Tensor inputs_BT = windows.tokens_NT.slice(0, window, window + 1).slice(1, 0, -1).contiguous();
      model.run(inputs_BT, positions_for(inputs_BT), options);
      result.windows.push_back(tap.tallies());
      for (std::size_t layer = 0; layer < result.total.size(); ++layer) result.total[layer].add(tap.tallies()[layer]);
    }
    return result;
  }

  static void record(const Subject& subject, const std::vector<EvalDomain>& domains, const std::vector<DomainTally>& tallies, Recorder& recorder) {
    const std::size_t num_layers = tallies[0].total.size(), num_experts = tallies[0].total[0].choices.size();
    RecordAxis domain_axis{"domain", domains.size(), {}, {}};
    for (const EvalDomain& domain : domains) domain_axis.labels.push_back(domain.name);
    const std::vector<RecordAxis> axes{{"layer", num_layers, {}, {}}, domain_axis, {"expert", num_experts, {}, {}}};
    std::vector<float> load, first, entropy, spread, own, tokens;
    for (std::size_t layer = 0; layer < num_layers; ++layer)
      for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
        const Tally& tally = tallies[domain_idx].total[layer];
        const std::string& name = domains[domain_idx].name;
        const double num_choices = std::max(1.0, std::accumulate(tally.choices.begin(), tally.choices.end(), 0.0));
        for (std::size_t expert = 0; expert < num_experts; ++expert) {
          load.push_back(static_cast<float>(tally.choices[expert] / num_choices));
          first.push_back(static_cast<float>(tally.first[expert] / tally.tokens));
        }
        entropy.push_back(static_cast<float>(normalised_entropy(tally.choices)));
        spread.push_back(static_cast<float>(tally.spread_sum / tally.tokens_with_logits));
        own.push_back(has_own_share(name, subject.expert_domains) ? static_cast<float>(own_tokens(tally, name, subject.expert_domains) / tally.tokens)
                                                                  : std::numeric_limits<float>::quiet_NaN());
        tokens.push_back(static_cast<float>(tally.tokens));
      }
    const auto by_domain = std::span(axes).first(2);
    recorder.array({"load", "1", "share of the choices that each expert gets"}, axes, load);
    recorder.array({"first_choice", "1", "share of the tokens whose expert of largest weight it is"}, axes, first);
    recorder.array({"load_entropy", "1", "entropy of the load / log of the number of experts"}, by_domain, entropy);
    recorder.array({"logit_spread", "1", "standard deviation over experts of a token's router logits, mean over tokens; NaN without logits"}, by_domain, spread);
    recorder.array({"own_expert_share", "1", "share of the tokens whose first expert's source was trained on the domain; NaN where that says nothing"}, by_domain, own);
    recorder.array({"tokens", "tokens", "tokens counted"}, by_domain, tokens);
  }

  static void record_layers(std::span<const LayerSummary> layers, Recorder& recorder) {
    const RecordAxis axis{"layer", layers.size(), {}, {}};
    const auto column = [&](const RecordInfo& info, double LayerSummary::*member) {
      std::vector<float> values;
      for (const LayerSummary& layer : layers) values.push_back(static_cast<float>(layer.*member));
      recorder.array(info, {&axis, 1}, values);
    };
    column({"dead_experts", "experts", "experts with a load below 0.01 / E on in-domain text"}, &LayerSummary::dead_experts);
    column({"expert_domain_information", "bits", "mutual information of first expert and domain, Miller-Madow corrected"}, &LayerSummary::information_bits);
    column({"expert_domain_information_plug_in", "bits", "the same without correction"}, &LayerSummary::information_plug_in_bits);
    column({"expert_domain_information_share", "1", "the corrected one / entropy of the domain"}, &LayerSummary::information_share);
  }

  static std::vector<EvalRow> rows(const Subject& subject, const std::vector<EvalDomain>& domains, const std::vector<DomainTally>& tallies, const Measured& measured) {
    std::vector<EvalRow> result;
    for (std::size_t layer = 0; layer < measured.all.size(); ++layer) {
      const bool is_mean = layer + 1 == measured.all.size();
      for (const Column& column : kColumns) {
        const double value = measured.all[layer].*column.member;
        if (std::isnan(value)) continue;  // has none; that logits and weights are finite was seen to as they were counted
        const double error = column.has_error ? measured.error(layer, column.member) : std::nan("");
        result.push_back({is_mean ? kMeanOverLayers : fmt::format("layer {}", layer), column.metric, value, error, measured.num_windows, column.unit, EvalRow::Better::neither});
      }
    }
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
      const std::string& name = domains[domain_idx].name;
      if (!has_own_share(name, subject.expert_domains)) continue;
      const Estimate own = own_share(tallies[domain_idx], name, subject.expert_domains);
      result.push_back({name, "own_expert_share", own.mean, own.std_error, own.n, "1", EvalRow::Better::neither});
    }
    return result;
  }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::Routing, symphony::NoParams, "routing", /*revision=*/2,
                "load, balance, dead experts, logit spread, and what the choice of expert tells of the domain",
                "Shazeer et al. 2017, arXiv 1701.06538; Miller 1955, Note on the bias of information estimates");
