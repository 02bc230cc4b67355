// What a merged model has lost of each source's own domain: bits per byte of the model less those of the source, on the same held-out windows of
// the domain that the source was trained on. Positive is forgotten. Negative is backward transfer. In the average every domain weighs the same;
// sources of one domain share its windows, so their mean is taken within each window.
// Source: Lopez-Paz and Ranzato 2017, Gradient episodic memory for continual learning, arXiv 1706.08840, section 2 (backward transfer), with the
// source in the place of the model at the time it learned the task.
#include <algorithm>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct ForgettingParams {
  std::int64_t batch_size = 1;
  static void describe(Schema& s) {
    s.field<&ForgettingParams::batch_size>("batch_size", "windows in one pass; with 1 a window's bits are the same in any company").at_least(1);
  }
};

class Forgetting final : public Eval {
 public:
  explicit Forgetting(const ForgettingParams& params) : params_(params) {}
  int version() const override { return 2; }
  bool needs_sources() const override { return true; }
  bool applies_to(const Subject& subject) const override { return !subject.sources.empty(); }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    std::vector<EvalRow> rows;
    std::vector<std::vector<std::vector<double>>> losses(domains.size());  // [domain][source of it][window]
    for (std::size_t index = 0; index < subject.sources.size(); ++index) {
      const EvalSource& source = subject.sources[index];
      const auto own = std::find_if(domains.begin(), domains.end(), [&](const EvalDomain& domain) { return domain.name == source.domain; });
      if (own == domains.end()) continue;  // a checkpoint that stands for no domain has none to forget
      const LanguageModel specialist(source.original, nullptr, context.device, context.dtype);
      std::vector<double> loss = bits_per_byte(subject.predictor, own->windows);
      const std::vector<double> before = bits_per_byte(specialist, own->windows);
      std::transform(loss.begin(), loss.end(), before.begin(), loss.begin(), std::minus<>());
      rows.push_back(row(source.name, mean_of(loss)));
      losses[static_cast<std::size_t>(own - domains.begin())].push_back(std::move(loss));
      context.progress(static_cast<double>(index + 1) / static_cast<double>(subject.sources.size()));
    }
    if (rows.empty()) fail<ConfigError>("eval.forgetting", "no source was trained on one of the domains, expected at least one (sources: models: <name>: train: domain)");
    std::vector<Estimate> by_domain;
    for (const auto& sources : losses)
      if (!sources.empty()) by_domain.push_back(mean_of(mean_by_unit(sources)));
    rows.push_back(row(kInDomain, mean_of_estimates(by_domain)));
    return rows;
  }

 private:
  std::vector<double> bits_per_byte(const Predictor& predictor, const WindowSet& windows) const {
    std::vector<double> values = window_bits(predictor, windows, params_.batch_size);
    for (std::size_t window = 0; window < values.size(); ++window) values[window] /= windows.bytes[window];
    return values;
  }

  static EvalRow row(const std::string& task, const Estimate& loss) {
    return {task, "forgetting", loss.mean, loss.std_error, loss.n, "bits", EvalRow::Better::lower};
  }

  ForgettingParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::Forgetting, symphony::ForgettingParams, "forgetting", /*revision=*/2,
                "bits per byte lost against each source on the source's own domain", "Lopez-Paz and Ranzato 2017, arXiv 1706.08840, section 2");
