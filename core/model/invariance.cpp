// Two layer-streamed passes in step, compared layer by layer and at the logits.
#include "core/model/invariance.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/model/layer_streamed.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kDecodedPositions = 16;

class ResidualTap final : public Tap {
 public:
  bool wants(Site site, std::int64_t) const override { return site == Site::residual; }
  void record(Site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override { values_TD = values; }
  torch::Tensor values_TD;
};

/// Sum over positions of the next-token cross-entropy in nats.
double summed_loss(const torch::Tensor& logits_BTV, const torch::Tensor& tokens_BT) {
  const std::int64_t length = tokens_BT.size(1);
  const torch::Tensor logits = logits_BTV.narrow(1, 0, length - 1).to(torch::kFloat64);
  const torch::Tensor chosen = logits.gather(2, tokens_BT.narrow(1, 1, length - 1).unsqueeze(2).to(logits.device())).squeeze(2);
  return (logits.logsumexp(2) - chosen).sum().item<double>();
}

double squared_norm(const torch::Tensor& values) { return values.to(torch::kFloat64).square().sum().item<double>(); }

}  // namespace

double larger_or_nan(double a, double b) { return std::isnan(a) || a > b ? a : b; }

void LogitChange::add(const torch::Tensor& logits, const torch::Tensor& expected) {
  difference = larger_or_nan((logits - expected).abs().max().item<double>(), difference);
  largest = larger_or_nan(expected.abs().max().item<double>(), largest);
}

InvarianceReport check_invariance(const Model& original, const Model& transformed, const torch::Tensor& tokens_BT, double tolerance,
                                  const TransformSet& applied) {
  const auto residual = applied.find("residual");
  const StreamOptions options = options_for_logits(original.spec);
  LayerStreamed before(original, tokens_BT, nullptr, options), after(transformed, tokens_BT, nullptr, options);
  InvarianceReport report;
  for (std::int64_t layer = 0; layer < original.spec.num_layers; ++layer) {
    before.load_layer(layer);
    after.load_layer(layer);
    double change = 0, total = 0;
    for (std::int64_t chunk = 0; chunk < before.num_chunks(); ++chunk) {
      ResidualTap old_tap, new_tap;
      before.run_layer(chunk, &old_tap);
      after.run_layer(chunk, &new_tap);
      const torch::Tensor expected = residual == applied.end() ? old_tap.values_TD : residual->second.apply(old_tap.values_TD, 1);
      change += squared_norm(new_tap.values_TD - expected);
      total += squared_norm(old_tap.values_TD);
    }
    report.residual_change.push_back(std::sqrt(change / total));
  }
  LogitChange change;
  double loss = 0;
  for (std::int64_t chunk = 0; chunk < before.num_chunks(); ++chunk) {
    const torch::Tensor old_logits = before.logits(chunk), new_logits = after.logits(chunk);
    change.add(new_logits, old_logits);
    if (tokens_BT.size(1) < 2) continue;
    const torch::Tensor tokens = tokens_BT.narrow(0, before.first_token(chunk) / tokens_BT.size(1), old_logits.size(0));
    loss += summed_loss(new_logits, tokens) - summed_loss(old_logits, tokens);
  }
  report.logit_change = change.value();
  report.largest_logit = change.largest;
  report.loss_change_nats = std::abs(loss) / static_cast<double>(std::max<std::int64_t>(1, tokens_BT.size(0) * (tokens_BT.size(1) - 1)));
  if (!(report.logit_change <= tolerance))
    fail<NumericError>("invariance", "source '{}': its transforms change the logits by {:.3g} of the largest logit, expected at most {:.0e}; the "
                       "largest change of the residual stream is {:.3g}", original.name, report.logit_change, tolerance,
                       *std::max_element(report.residual_change.begin(), report.residual_change.end()));
  return report;
}

double decoding_change(const Model& model, const torch::Tensor& tokens_BT) {
  const StreamOptions options = options_for_logits(model.spec);
  StreamOptions decoding = options;
  decoding.prefill = std::max<std::int64_t>(1, tokens_BT.size(1) - kDecodedPositions);
  LayerStreamed whole(model, tokens_BT, nullptr, options), decoded(model, tokens_BT, nullptr, decoding);
  run_all(whole, nullptr);
  run_all(decoded, nullptr);
  LogitChange change;
  for (std::int64_t chunk = 0; chunk < whole.num_chunks(); ++chunk) change.add(decoded.logits(chunk), whole.logits(chunk));
  return change.value();
}

}  // namespace symphony
