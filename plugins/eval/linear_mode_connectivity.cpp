// Loss along the straight line between two sources, before and after alignment: theta(t) = (1 - t) A + t B over all tensors, A the anchor and B
// each other source, L(t) in bits per byte, mean over the in-domain domains.
//   barrier          max_t [L(t) - (1 - t) L(0) - t L(1)]    what a line of good models lacks
//   midpoint_barrier max_t L(t) - (L(0) + L(1)) / 2          the form of the git re-basin code
// Both can be slightly negative, and are reported so. Standard errors are those at the barrier's t, over windows paired along the line; pairs
// share their windows, so their mean is taken within each window.
// RMSNorm has no running statistics, so nothing is recalibrated. Source: Frankle et al. 2020, Linear mode connectivity and the lottery ticket
// hypothesis, arXiv 1912.05671; Ainsworth et al. 2023, Git Re-Basin, arXiv 2209.04836, section 2.
#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct LinearModeConnectivityParams {
  std::int64_t points = 11, windows = 12, batch_size = 1;
  static void describe(Schema& s) {
    using P = LinearModeConnectivityParams;
    s.field<&P::points>("points", "points on the line, both ends among them; 25 as published").at_least(3);
    s.field<&P::windows>("windows", "held-out windows of each in-domain domain, evenly chosen").at_least(2);
    s.field<&P::batch_size>("batch_size", "windows in one pass; with 1 a window's bits are the same in any company").at_least(1);
  }
};

constexpr std::array<const char*, 2> kStates{"as trained", "aligned"};

Model interpolate(const Model& a, const Model& b, double t) {
  TensorMap tensors;
  for (const SpecTensor& tensor : spec_tensors(a.spec)) {
    const torch::Tensor left = a.tensors->get(tensor.name).to(torch::kDouble), right = b.tensors->get(tensor.name).to(torch::kDouble);
    tensors.emplace(tensor.name, (left * (1.0 - t) + right * t).to(torch::kFloat));
  }
  return {a.spec, std::make_shared<MemorySource>(std::move(tensors), "a point on a line"), "a point on a line"};
}

/// L at one point, or differences of such: [domain][window], bits per byte.
using Loss = std::vector<std::vector<double>>;

Estimate over_domains(const Loss& loss) {
  std::vector<Estimate> domains;
  for (const auto& windows : loss) domains.push_back(mean_of(windows));
  return mean_of_estimates(domains);
}

double mean_loss(const Loss& loss) { return over_domains(loss).mean; }

/// Window by window the mean of the pairs' deviations, each at its own t.
Loss mean_by_window(const std::vector<Loss>& pairs) {
  Loss means;
  for (std::size_t domain = 0; domain < pairs.front().size(); ++domain) {
    std::vector<std::vector<double>> of_domain;
    for (const Loss& pair : pairs) of_domain.push_back(pair[domain]);
    means.push_back(mean_by_unit(of_domain));
  }
  return means;
}

/// Both forms, each where its mean is largest.
struct Barrier {
  Loss chord, midpoint;
};

/// L at a point less (1 - share) L(0) + share L(1).
Loss deviation(const std::vector<Loss>& line, std::size_t point, double share) {
  Loss result = line[point];
  for (std::size_t domain = 0; domain < result.size(); ++domain)
    for (std::size_t window = 0; window < result[domain].size(); ++window)
      result[domain][window] -= (1.0 - share) * line.front()[domain][window] + share * line.back()[domain][window];
  return result;
}

/// The ends deviate from the chord by zero, so its largest deviation is looked for between them.
Barrier barrier_of(const std::vector<Loss>& line) {
  Barrier result;
  for (std::size_t point = 0; point < line.size(); ++point) {
    Loss midpoint = deviation(line, point, 0.5);
    if (point == 0 || mean_loss(midpoint) > mean_loss(result.midpoint)) result.midpoint = std::move(midpoint);
    if (point == 0 || point + 1 == line.size()) continue;
    Loss chord = deviation(line, point, static_cast<double>(point) / static_cast<double>(line.size() - 1));
    if (point == 1 || mean_loss(chord) > mean_loss(result.chord)) result.chord = std::move(chord);
  }
  return result;
}

class LinearModeConnectivity final : public Eval {
 public:
  explicit LinearModeConnectivity(const LinearModeConnectivityParams& params) : params_(params) {}
  int version() const override { return 2; }
  bool about_sources() const override { return true; }
  bool applies_to(const Subject& subject) const override { return subject.sources.size() > 1; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    if (!applies_to(subject)) fail<ConfigError>("eval.linear_mode_connectivity", "got {} sources, expected at least two", subject.sources.size());
    std::vector<WindowSet> windows;
    for (const EvalDomain& domain : domains)
      if (!domain.out_of_distribution) windows.push_back(some_windows(domain.windows, params_.windows));
    if (windows.empty()) fail<ConfigError>("eval.linear_mode_connectivity", "got no in-domain text, expected at least one domain that is not out of distribution");

    std::vector<EvalRow> rows;
    std::vector<float> curves;
    std::vector<std::string> pairs;
    std::array<std::vector<Loss>, kStates.size()> barriers;
    const EvalSource& anchor = subject.sources[subject.anchor];
    for (const EvalSource& source : subject.sources) {
      if (&source == &anchor) continue;
      pairs.push_back(anchor.name + " - " + source.name);
      for (std::size_t state = 0; state < kStates.size(); ++state) {
        const std::vector<Loss> line = state == 0 ? walk(anchor.original, source.original, windows, context) : walk(anchor.aligned, source.aligned, windows, context);
        for (const Loss& loss : line) curves.push_back(static_cast<float>(mean_loss(loss)));
        const Barrier barrier = barrier_of(line);
        barriers[state].push_back(barrier.chord);
        rows.push_back(row(pairs.back(), "barrier", state, over_domains(barrier.chord)));
        rows.push_back(row(pairs.back(), "midpoint_barrier", state, over_domains(barrier.midpoint)));
      }
      context.progress(static_cast<double>(pairs.size()) / static_cast<double>(subject.sources.size() - 1));
    }
    for (std::size_t state = 0; state < kStates.size(); ++state) rows.push_back(row(kMeanOverPairs, "barrier", state, over_domains(mean_by_window(barriers[state]))));
    record(pairs, curves, *context.recorder);
    return rows;
  }

 private:
  std::vector<Loss> walk(const Model& a, const Model& b, const std::vector<WindowSet>& domains, const Context& context) const {
    std::vector<Loss> line;
    for (std::int64_t point = 0; point < params_.points; ++point) {
      const LanguageModel model(interpolate(a, b, static_cast<double>(point) / static_cast<double>(params_.points - 1)), nullptr, context.device, context.dtype);
      Loss loss;
      for (const WindowSet& windows : domains) {
        loss.push_back(window_bits(model, windows, params_.batch_size));
        for (std::size_t window = 0; window < loss.back().size(); ++window) loss.back()[window] /= windows.bytes[window];
      }
      line.push_back(std::move(loss));
    }
    return line;
  }

  static EvalRow row(const std::string& task, const std::string& metric, std::size_t state, const Estimate& barrier) {
    return {task, metric + (state == 0 ? "" : "_aligned"), barrier.mean, barrier.std_error, barrier.n, "bits", EvalRow::Better::lower};
  }

  void record(const std::vector<std::string>& pairs, const std::vector<float>& curves, Recorder& recorder) const {
    RecordAxis position{"position", static_cast<std::size_t>(params_.points), {}, {}};
    for (std::int64_t point = 0; point < params_.points; ++point) position.values.push_back(static_cast<double>(point) / static_cast<double>(params_.points - 1));
    const std::vector<RecordAxis> axes{{"pair", pairs.size(), pairs, {}}, {"state", kStates.size(), {kStates.begin(), kStates.end()}, {}}, position};
    recorder.array({"bits_per_byte", "bits", "at (1 - position) anchor + position source, mean over the in-domain domains"}, axes, curves);
  }

  LinearModeConnectivityParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::LinearModeConnectivity, symphony::LinearModeConnectivityParams, "linear_mode_connectivity", /*revision=*/2,
                "barrier on the straight line between sources, before and after alignment", "Frankle et al. 2020, arXiv 1912.05671; Ainsworth et al. 2023, arXiv 2209.04836, section 2");
