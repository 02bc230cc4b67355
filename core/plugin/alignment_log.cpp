// The arrays of alignment metrics (methods-alignment section 9).
#include "core/plugin/alignment_log.hpp"

#include <limits>

#include <fmt/format.h>

namespace symphony {

namespace {

constexpr float kAbsent = std::numeric_limits<float>::quiet_NaN();

struct Metric {
  const char* name;
  const char* doc;
  float absent;
  double (*value)(const UnitMatch&);
};

double share(std::int64_t count, const UnitMatch& match) { return static_cast<double>(count) / static_cast<double>(match.transform.size()); }

const Metric kMetrics[] = {
    {"similarity_before", "mean similarity of anchor and source units of equal index", kAbsent, [](const UnitMatch& m) { return m.similarity_before; }},
    {"similarity_after", "mean similarity of matched units", kAbsent, [](const UnitMatch& m) { return m.similarity_after; }},
    {"margin", "mean of the matched similarity minus the best other of the slot", kAbsent, [](const UnitMatch& m) { return m.margin; }},
    {"permuted_fraction", "share of units that moved", 0, [](const UnitMatch& m) { return share(m.transform.count_moved(), m); }},
    {"negative_fraction", "share of units whose sign was turned", 0, [](const UnitMatch& m) { return share(m.transform.count_negative(), m); }},
    {"dead_fraction", "share of units without signal, left out of the assignment", 0, [](const UnitMatch& m) { return share(m.dead, m); }},
    {"objective", "objective of the assignment", kAbsent, [](const UnitMatch& m) { return m.objective; }},
    {"dual_gap", "objective minus its dual bound: zero proves the assignment optimal", 0, [](const UnitMatch& m) { return m.gap; }},
};

}  // namespace

RecordAxis source_axis(const std::vector<Model>& sources) {
  RecordAxis axis{"source", sources.size(), {}, {}};
  for (const Model& source : sources) axis.labels.push_back(source.name);
  return axis;
}

AlignmentLog::AlignmentLog(const AlignmentProblem& problem)
    : sources_(source_axis(problem.sources)), num_layers_(problem.sources[problem.anchor].spec.num_layers) {}

void AlignmentLog::add(const std::string& scope, std::size_t source_idx, std::int64_t layer, const UnitMatch& match) {
  matches_[scope].insert_or_assign({source_idx, layer}, match);
}

void AlignmentLog::add_value(const std::string& scope, std::size_t source_idx, std::int64_t layer, const char* metric, const char* unit,
                             const char* doc, double value) {
  values_[scope].try_emplace(metric, Values{unit, doc, {}}).first->second.at.insert_or_assign({source_idx, layer}, value);
}

std::vector<RecordAxis> AlignmentLog::axes_of(const std::string& scope) const {
  std::vector<RecordAxis> axes{sources_};
  if (scope != "residual") axes.push_back({"layer", static_cast<std::size_t>(num_layers_), {}, {}});
  return axes;
}

void AlignmentLog::write(Recorder& recorder) const {
  const auto put = [&](const std::string& scope, const char* metric, const char* unit, const char* doc, float absent, const auto& at, const auto& value) {
    const auto axes = axes_of(scope);
    const std::size_t layers = axes.size() > 1 ? axes[1].size : 1;
    std::vector<float> values(sources_.size * layers, absent);
    for (const auto& [place, entry] : at) values[place.first * layers + static_cast<std::size_t>(place.second)] = static_cast<float>(value(entry));
    recorder.array({fmt::format("alignment/{}/{}", scope, metric), unit, doc}, axes, values);
  };
  for (const auto& [scope, matches] : matches_)
    for (const Metric& metric : kMetrics) put(scope, metric.name, "1", metric.doc, metric.absent, matches, metric.value);
  for (const auto& [scope, metrics] : values_)
    for (const auto& [metric, values] : metrics)
      put(scope, metric.c_str(), values.unit, values.doc, kAbsent, values.at, [](double value) { return value; });
}

}  // namespace symphony
