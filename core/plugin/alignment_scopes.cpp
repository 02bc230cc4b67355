// Closed forms, from the weights of the source under what is already in the set.
#include "core/plugin/alignment_scopes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/align/unit_matching.hpp"
#include "core/model/gains.hpp"
#include "core/model/head_gauge.hpp"
#include "core/model/weight_similarity.hpp"

namespace symphony {

bool in_scope(const std::vector<std::string>& scope, std::string_view name) { return std::find(scope.begin(), scope.end(), name) != scope.end(); }

void add_gains(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set) {
  set.merge(fold_gains(problem.sources[source_idx]));
  set.merge(gains_of(problem.sources[problem.anchor]));
}

void add_heads(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
  const Model& anchor = problem.sources[problem.anchor];
  const Model source = apply_transforms(problem.sources[source_idx], set);
  for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
    const UnitMatch found = match_grouped_units(head_circuit_similarity(anchor, source, layer), anchor.spec.heads_per_kv());
    log.add("attention_heads", source_idx, layer, found);
    set.insert_or_assign(fmt::format("layer.{}.heads", layer), found.transform);
  }
}

void add_gauges(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
  const Model& anchor = problem.sources[problem.anchor];
  std::erase_if(set, [&](const auto& entry) { return find_group(problem.groups, entry.first).scope == "gauge"; });
  const Model source = apply_transforms(problem.sources[source_idx], set);
  for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
    const HeadGauge found = match_head_gauge(anchor, source, layer);
    set.insert_or_assign(fmt::format("layer.{}.qk", layer), found.qk);
    set.insert_or_assign(fmt::format("layer.{}.vo", layer), found.vo);
    const auto put = [&](const char* metric, const char* unit, const char* doc, double value) {
      log.add_value("gauge", source_idx, layer, metric, unit, doc, value);
    };
    put("qk_before", "1", "mean cosine over KV groups of the anchor's and the source's Q and K weights before the gauge", found.qk_before);
    put("qk_after", "1", "the same after the gauge", found.qk_after);
    put("vo_before", "1", "mean cosine over KV groups of the anchor's and the source's V and O weights before the gauge", found.vo_before);
    put("vo_after", "1", "the same after the gauge", found.vo_after);
    put("qk_angle", "rad", "mean angle by which rotary pairs of Q and K are turned", found.qk_angle);
    put("vo_angle", "rad", "mean eigen-angle of the change of basis between V and O", found.vo_angle);
    put("vo_condition", "1", "largest condition number of a change of basis between V and O", found.vo_condition);
    const auto ffn = set.find(fmt::format("layer.{}.ffn", layer));
    if (ffn != set.end()) ffn->second = Transform::diagonal(match_unit_scales(anchor, source, layer)).after(ffn->second);
  }
}

void note_common_ancestry(const AlignmentProblem& problem, const std::vector<TransformSet>& sets, Recorder& recorder) {
  bool any = false;
  for (std::size_t source_idx = 0; source_idx < sets.size(); ++source_idx)
    for (const auto& [id, transform] : sets[source_idx]) {
      if (source_idx == problem.anchor) continue;
      any |= transform.is_monomial();
      if (transform.count_moved() > 0) return;
    }
  if (any)
    recorder.note("alignment", "no unit of any source moves: the sources share an ancestor, or are one model, and permutations have nothing to align");
}

}  // namespace symphony
