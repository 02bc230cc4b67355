// Bits per byte of held-out text: sum of -log2 p over the tokens of a domain / UTF-8 bytes that they stand for, so that models with different
// tokenizers compare. The standard error is that of a ratio over windows; averages are over domains, not over tokens, so that a large
// domain does not drown a small one. Same windows for all models: the recorded window values allow paired differences.
// Source: Gao et al. 2020, The Pile, arXiv 2101.00027, section 3.1 (bits per byte); rolling windows as in core/score/windows.hpp.
#include <algorithm>
#include <limits>

#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct BitsPerByteParams {
  std::int64_t batch_size = 1;
  static void describe(Schema& s) {
    s.field<&BitsPerByteParams::batch_size>("batch_size", "windows in one pass; with 1 a window's bits are the same in any company, more can be faster on "
                                                          "accelerators and changes rounding only").at_least(1);
  }
};

struct DomainScore {
  Estimate estimate;
  std::vector<double> window_bits_per_byte;
};

class BitsPerByte final : public Eval {
 public:
  explicit BitsPerByte(const BitsPerByteParams& params) : params_(params) {}
  int version() const override { return 1; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    std::vector<DomainScore> scores;
    for (const EvalDomain& domain : domains) {
      scores.push_back(score(subject.predictor, domain));
      context.progress(static_cast<double>(scores.size()) / static_cast<double>(domains.size()));
    }
    record(domains, scores, *context.recorder);
    std::vector<EvalRow> rows;
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) rows.push_back(row(domains[domain_idx].name, scores[domain_idx].estimate));
    for (const bool ood : {false, true}) {
      std::vector<Estimate> group;
      for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx)
        if (domains[domain_idx].out_of_distribution == ood) group.push_back(scores[domain_idx].estimate);
      if (!group.empty()) rows.push_back(row(ood ? kOutOfDistribution : kInDomain, mean_of_estimates(group)));
    }
    return rows;
  }

 private:
  DomainScore score(const Predictor& predictor, const EvalDomain& domain) const {
    const std::vector<double> bits = window_bits(predictor, domain.windows, params_.batch_size);
    DomainScore result{ratio_of(bits, domain.windows.bytes), {}};
    for (std::size_t window = 0; window < bits.size(); ++window) result.window_bits_per_byte.push_back(bits[window] / domain.windows.bytes[window]);
    return result;
  }

  static EvalRow row(const std::string& task, const Estimate& estimate) {
    return {task, "bits_per_byte", estimate.mean, estimate.std_error, estimate.n, "bits", EvalRow::Better::lower};
  }

  static void record(const std::vector<EvalDomain>& domains, const std::vector<DomainScore>& scores, Recorder& recorder) {
    RecordAxis domain_axis{"domain", domains.size(), {}, {}};
    std::size_t most_windows = 0;
    std::vector<float> in_domain;
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
      domain_axis.labels.push_back(domains[domain_idx].name);
      in_domain.push_back(domains[domain_idx].out_of_distribution ? 0.0f : 1.0f);
      most_windows = std::max(most_windows, scores[domain_idx].window_bits_per_byte.size());
    }
    std::vector<float> padded(domains.size() * most_windows, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx)
      std::transform(scores[domain_idx].window_bits_per_byte.begin(), scores[domain_idx].window_bits_per_byte.end(),
                     padded.begin() + static_cast<std::ptrdiff_t>(domain_idx * most_windows), [](double value) { return static_cast<float>(value); });
    const std::vector<RecordAxis> axes{domain_axis, {"window", most_windows, {}, {}}};
    recorder.array({"window_bits_per_byte", "bits", "bits per byte of each held-out window; NaN where a domain has fewer windows"}, axes, padded);
    recorder.array({"in_domain", "1", "1 where a source was trained on the domain's training text, 0 for out of distribution"}, std::span(axes).first(1), in_domain);
  }

  BitsPerByteParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::BitsPerByte, symphony::BitsPerByteParams, "bits_per_byte", /*revision=*/1,
                "bits per byte of held-out text, by domain, in and out of distribution", "Gao et al. 2020, The Pile, arXiv 2101.00027, section 3.1");
