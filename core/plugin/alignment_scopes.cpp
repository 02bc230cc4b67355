// Closed forms are found from the weights of the source under what is already in the set.
#include "core/plugin/alignment_scopes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/align/unit_matching.hpp"
#include "core/model/ffn_matching.hpp"
#include "core/model/gains.hpp"
#include "core/model/head_gauge.hpp"
#include "core/model/weight_similarity.hpp"
#include "core/tensor/in_parallel.hpp"

namespace symphony {

namespace {

/// One result a layer; layers share nothing, so they go to as many threads as there are and memory allows.
template <class Result, class Function>
std::vector<Result> by_layer(const ModelSpec& spec, const Function& function) {
  std::vector<Result> results(static_cast<std::size_t>(spec.num_layers));
  in_parallel(results.size(), [&](std::size_t layer) { results[layer] = function(static_cast<std::int64_t>(layer)); }, layers_at_once(spec));
  return results;
}

void log_gauge(const HeadGauge& gauge, std::size_t source_idx, std::int64_t layer, AlignmentLog& log) {
  const auto put = [&](const char* metric, const char* unit, const char* doc, double value) {
    log.add_value("gauge", source_idx, layer, metric, unit, doc, value);
  };
  put("qk_before", "1", "mean cosine over KV groups of the anchor's and the source's Q and K weights before the gauge", gauge.qk_before);
  put("qk_after", "1", "the same after the gauge", gauge.qk_after);
  put("vo_before", "1", "mean cosine over KV groups of the anchor's and the source's V and O weights before the gauge", gauge.vo_before);
  put("vo_after", "1", "the same after the gauge", gauge.vo_after);
  put("qk_angle", "rad", "mean angle by which rotary pairs of Q and K are turned", gauge.qk_angle);
  put("vo_angle", "rad", "mean eigen-angle of the change of basis between V and O", gauge.vo_angle);
  put("vo_condition", "1", "largest condition number of a change of basis between V and O", gauge.vo_condition);
}

}  // namespace

std::vector<TransformSet> align_sources(const AlignmentProblem& problem, const Context& context, const AlignmentLog& log,
                                        const std::function<TransformSet(std::size_t source_idx)>& align_source) {
  std::vector<TransformSet> sets(problem.sources.size());
  for (std::size_t source_idx = 0; source_idx < sets.size(); ++source_idx) {
    if (source_idx != problem.anchor) sets[source_idx] = align_source(source_idx);
    context.progress(static_cast<double>(source_idx + 1) / static_cast<double>(sets.size()));
  }
  log.write(*context.recorder);
  return sets;
}

bool in_scope(const std::vector<std::string>& scope, std::string_view name) { return std::find(scope.begin(), scope.end(), name) != scope.end(); }

void add_gains(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set) {
  set.merge(fold_gains(problem.sources[source_idx]));
  set.merge(gains_of(problem.sources[problem.anchor]));
}

void add_heads(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
  const Model& anchor = problem.sources[problem.anchor];
  const Model source = apply_transforms(problem.sources[source_idx], set);
  const auto matches = by_layer<UnitMatch>(anchor.spec, [&](std::int64_t layer) {
    return match_grouped_units(head_circuit_similarity(anchor, source, layer), anchor.spec.heads_per_kv());
  });
  for (std::size_t layer = 0; layer < matches.size(); ++layer) {
    log.add("attention_heads", source_idx, static_cast<std::int64_t>(layer), matches[layer]);
    set.insert_or_assign(fmt::format("layer.{}.heads", layer), matches[layer].transform);
  }
}

void add_gauges(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
  const Model& anchor = problem.sources[problem.anchor];
  std::erase_if(set, [&](const auto& entry) { return find_group(problem.groups, entry.first).scope == "gauge"; });
  const Model source = apply_transforms(problem.sources[source_idx], set);
  const auto gauges = by_layer<HeadGauge>(anchor.spec, [&](std::int64_t layer) { return match_head_gauge(anchor, source, layer); });
  for (std::size_t layer = 0; layer < gauges.size(); ++layer) {
    set_head_gauge(static_cast<std::int64_t>(layer), gauges[layer], set);
    log_gauge(gauges[layer], source_idx, static_cast<std::int64_t>(layer), log);
    const auto ffn = set.find(fmt::format("layer.{}.ffn", layer));
    if (ffn != set.end()) ffn->second = Transform::diagonal(match_unit_scales(anchor, source, static_cast<std::int64_t>(layer))).after(ffn->second);
  }
}

void note_common_ancestry(const AlignmentProblem& problem, const std::vector<TransformSet>& sets, Recorder& recorder) {
  bool any = false;
  for (std::size_t source_idx = 0; source_idx < sets.size(); ++source_idx)
    for (const auto& [id, transform] : sets[source_idx]) {
      const bool permutes = transform.is_monomial() && find_group(problem.groups, id).freedom.permutations;
      if (source_idx == problem.anchor || !permutes) continue;
      any = true;
      if (transform.count_moved() > 0) return;
    }
  if (any)
    recorder.note("common_ancestry", "no unit of any source moves: the sources share an ancestor, or are one model, and permutations have nothing to align");
}

}  // namespace symphony
