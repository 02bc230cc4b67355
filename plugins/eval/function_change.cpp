// How much alignment changes each source's own function, measured on held-out windows: original against aligned, both alone.
//   logit_change   max |dlogit| / max |logit|      relative_l2  ||dlogits|| / ||logits||
//   kl             mean KL(original || aligned), nats a token      bits_change  aligned less original, bits a token
// Exact maps (permutations, signs, rotations of a folded model) leave rounding; approximate ones report what they cost. Standard errors are over
// windows, drawn within their domain, by the jackknife; a largest change has none.
// Source: Kullback and Leibler 1951, On information and sufficiency; the tolerance of exact maps is core/model/invariance.hpp's.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct FunctionChangeParams {
  std::int64_t windows = 8;
  static void describe(Schema& s) {
    s.field<&FunctionChangeParams::windows>("windows", "held-out windows of each domain, evenly chosen").at_least(1);
  }
};

/// Sums over tokens, in float64.
struct Change {
  double largest_change = 0.0, largest_logit = 0.0, squared_change = 0.0, squared_logit = 0.0, kl_nats = 0.0, nats_change = 0.0, tokens = 0.0;

  /// Adds the other's tokens, each `times` times.
  void add(const Change& other, double times) {
    largest_change = std::max(largest_change, other.largest_change);
    largest_logit = std::max(largest_logit, other.largest_logit);
    squared_change += times * other.squared_change;
    squared_logit += times * other.squared_logit;
    kl_nats += times * other.kl_nats;
    nats_change += times * other.nats_change;
    tokens += times * other.tokens;
  }
};
using Changes = std::vector<std::vector<Change>>;  ///< [domain][window]

/// `original_TV`, `aligned_TV`: logits that predict `targets_T`.
Change change_of(const torch::Tensor& original_TV, const torch::Tensor& aligned_TV, const torch::Tensor& targets_T) {
  const torch::Tensor change_TV = aligned_TV - original_TV;
  const torch::Tensor left_TV = original_TV.log_softmax(1), right_TV = aligned_TV.log_softmax(1);
  Change change;
  change.largest_change = change_TV.abs().max().item<double>();
  change.largest_logit = original_TV.abs().max().item<double>();
  change.squared_change = change_TV.square().sum().item<double>();
  change.squared_logit = original_TV.square().sum().item<double>();
  change.kl_nats = (left_TV.exp() * (left_TV - right_TV)).sum().item<double>();
  change.nats_change = (left_TV - right_TV).gather(1, targets_T.unsqueeze(1)).sum().item<double>();
  change.tokens = static_cast<double>(targets_T.size(0));
  return change;
}

/// All windows together.
Change total_of(const Changes& changes) {
  Change total;
  for (const auto& windows : changes)
    for (const Change& window : windows) total.add(window, 1.0);
  return total;
}

/// All windows but one, for which the others of its domain stand in.
Change total_without(const Changes& changes, std::size_t left_out_domain, std::size_t left_out_window) {
  Change total;
  for (std::size_t domain = 0; domain < changes.size(); ++domain) {
    const auto num_windows = static_cast<double>(changes[domain].size());
    const double times = domain == left_out_domain ? num_windows / (num_windows - 1.0) : 1.0;
    for (std::size_t window = 0; window < changes[domain].size(); ++window)
      if (domain != left_out_domain || window != left_out_window) total.add(changes[domain][window], times);
  }
  return total;
}

struct Metric {
  const char* name;
  const char* unit;
  double (*of)(const Change& total);
};
constexpr std::array<Metric, 3> kMetrics{{{"relative_l2", "1", [](const Change& total) { return std::sqrt(total.squared_change / total.squared_logit); }},
                                          {"kl", "nats", [](const Change& total) { return total.kl_nats / total.tokens; }},
                                          {"bits_change", "bits", [](const Change& total) { return total.nats_change / std::numbers::ln2 / total.tokens; }}}};

double error_of(const Metric& metric, const Changes& changes) {
  std::vector<std::vector<double>> without(changes.size());
  for (std::size_t domain = 0; domain < changes.size(); ++domain)
    for (std::size_t window = 0; window < changes[domain].size(); ++window) without[domain].push_back(metric.of(total_without(changes, domain, window)));
  return jackknife_error(without);
}

class FunctionChange final : public Eval {
 public:
  explicit FunctionChange(const FunctionChangeParams& params) : params_(params) {}
  int version() const override { return 2; }
  bool about_sources() const override { return true; }
  bool applies_to(const Subject& subject) const override { return !subject.sources.empty(); }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    std::vector<EvalRow> rows;
    for (std::size_t index = 0; index < subject.sources.size(); ++index) {
      add_rows(subject.sources[index].name, measure(subject.sources[index], domains, context.device), rows);
      context.progress(static_cast<double>(index + 1) / static_cast<double>(subject.sources.size()));
    }
    return rows;
  }

 private:
  /// One window at a time, so that the numbers are those of any batch size; in float32, whatever the other suites compute in, because what is looked
  /// for is a change far below the rounding of a shorter type.
  Changes measure(const EvalSource& source, const std::vector<EvalDomain>& domains, torch::Device device) const {
    const torch::NoGradGuard no_grad;
    const LanguageModel original(source.original, nullptr, device), aligned(source.aligned, nullptr, device);
    Changes changes;
    for (const EvalDomain& domain : domains) {
      changes.emplace_back();
      const WindowSet windows = some_windows(domain.windows, params_.windows);
      for (std::int64_t window = 0; window < windows.size(); ++window) {
        const torch::Tensor tokens_1T = windows.tokens_NT.slice(0, window, window + 1), inputs_1T = tokens_1T.slice(1, 0, -1).contiguous();
        const auto logits = [&](const Predictor& predictor) { return predictor.forward(inputs_1T, positions_for(inputs_1T))[0].to(torch::kCPU, torch::kDouble); };
        changes.back().push_back(change_of(logits(original), logits(aligned), tokens_1T[0].slice(0, 1)));
      }
    }
    const double squared = total_of(changes).squared_change;
    if (!std::isfinite(squared)) fail<NumericError>("eval.function_change", "the logits of source '{}' change by {}", source.name, squared);
    return changes;
  }

  static void add_rows(const std::string& source, const Changes& changes, std::vector<EvalRow>& rows) {
    const Change total = total_of(changes);
    std::int64_t num_windows = 0;
    for (const auto& windows : changes) num_windows += static_cast<std::int64_t>(windows.size());
    const auto add = [&](const char* metric, double value, double error, const char* unit) {
      rows.push_back({source, metric, value, error, num_windows, unit, EvalRow::Better::lower});
    };
    add("logit_change", total.largest_change / total.largest_logit, std::nan(""), "1");
    for (const Metric& metric : kMetrics) add(metric.name, metric.of(total), error_of(metric, changes), metric.unit);
  }

  FunctionChangeParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::FunctionChange, symphony::FunctionChangeParams, "function_change", /*revision=*/2,
                "change of every source's own function under alignment: logits, KL, bits", "Kullback and Leibler 1951, On information and sufficiency");
