// How much alignment changes each source's own function, measured on held-out windows: original against aligned, both alone.
//   logit_change   max |dlogit| / max |logit|      relative_l2  ||dlogits|| / ||logits||
//   kl             mean KL(original || aligned), nats a token      bits_change  aligned less original, bits a token
// Exact maps (permutations, signs, rotations of a folded model) leave rounding; approximate ones report what they cost.
// Source: Kullback and Leibler 1951, On information and sufficiency; the tolerance of exact maps is core/model/invariance.hpp's.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"

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
  double largest_change = 0.0, largest_logit = 0.0, squared_change = 0.0, squared_logit = 0.0, kl_nats = 0.0, nats_change = 0.0;
  std::int64_t tokens = 0;

  /// `original_TV`, `aligned_TV`: logits that predict `targets_T`.
  void add(const torch::Tensor& original_TV, const torch::Tensor& aligned_TV, const torch::Tensor& targets_T) {
    const torch::Tensor change_TV = aligned_TV - original_TV;
    largest_change = std::max(largest_change, change_TV.abs().max().item<double>());
    largest_logit = std::max(largest_logit, original_TV.abs().max().item<double>());
    squared_change += change_TV.square().sum().item<double>();
    squared_logit += original_TV.square().sum().item<double>();
    const torch::Tensor left_TV = original_TV.log_softmax(1), right_TV = aligned_TV.log_softmax(1);
    kl_nats += (left_TV.exp() * (left_TV - right_TV)).sum().item<double>();
    nats_change += (left_TV - right_TV).gather(1, targets_T.unsqueeze(1)).sum().item<double>();
    tokens += targets_T.size(0);
  }
};

class FunctionChange final : public Eval {
 public:
  explicit FunctionChange(const FunctionChangeParams& params) : params_(params) {}
  int version() const override { return 1; }
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
  Change measure(const EvalSource& source, const std::vector<EvalDomain>& domains, torch::Device device) const {
    const torch::NoGradGuard no_grad;
    const LanguageModel original(source.original, nullptr, device), aligned(source.aligned, nullptr, device);
    Change change;
    for (const EvalDomain& domain : domains) {
      const WindowSet windows = some_windows(domain.windows, params_.windows);
      for (std::int64_t window = 0; window < windows.size(); ++window) {
        const torch::Tensor tokens_1T = windows.tokens_NT.slice(0, window, window + 1), inputs_1T = tokens_1T.slice(1, 0, -1).contiguous();
        const auto logits = [&](const Predictor& predictor) { return predictor.forward(inputs_1T, positions_for(inputs_1T))[0].to(torch::kCPU, torch::kDouble); };
        change.add(logits(original), logits(aligned), tokens_1T[0].slice(0, 1));
      }
    }
    if (!std::isfinite(change.squared_change)) fail<NumericError>("eval.function_change", "the logits of source '{}' change by {}", source.name, change.squared_change);
    return change;
  }

  static void add_rows(const std::string& source, const Change& change, std::vector<EvalRow>& rows) {
    const auto tokens = static_cast<double>(change.tokens);
    const auto add = [&](const char* metric, double value, const char* unit) {
      rows.push_back({source, metric, value, std::nan(""), change.tokens, unit, EvalRow::Better::lower});
    };
    add("logit_change", change.largest_change / change.largest_logit, "1");
    add("relative_l2", std::sqrt(change.squared_change / change.squared_logit), "1");
    add("kl", change.kl_nats / tokens, "nats");
    add("bits_change", change.nats_change / std::numbers::ln2 / tokens, "bits");
  }

  FunctionChangeParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::FunctionChange, symphony::FunctionChangeParams, "function_change", /*revision=*/1,
                "change of every source's own function under alignment: logits, KL, bits", "Kullback and Leibler 1951, On information and sufficiency");
