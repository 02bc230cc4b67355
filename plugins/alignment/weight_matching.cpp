// Matches units by weights alone. Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv 2209.04836, section 3.2 and algorithm 1: coordinate
// descent over the symmetry groups in scope, visited in random order, each step an exact assignment with all other groups held, until no
// group improves. The objective is the sum over tensors of <A, B'> / (||A|| ||B||) plus the mean gauge-invariant agreement of the heads'
// QK and OV circuits, B' being the source with its present transforms; it rises with every accepted step and is recorded after each sweep.
// Differs from the paper: Q and K features are never permuted inside a head (no symmetry under RoPE); FFN and residual units have signs;
// tensors are compared with norm gains folded and FFN units balanced, each divided by its norm; a residual in scope starts from embedding
// and head alone, because anything found before it is noise that would hold it in place; and the residual step, whose circuit term is
// quadratic, maximises the linear terms and is taken only if the whole objective rises. With the gauge in scope heads are matched by circuits alone,
// which do not see it, and every step at a layer's heads finds that layer's V/O and Q/K gauges anew (methods-alignment 7.4).
//
// No two layers meet but through the residual stream: between two of its steps groups are examined on as many threads as there are and memory
// allows, with the same result as one after the other. A group is left out while nothing that it depends on has changed since its last step, which would only
// repeat it, and each assignment starts from the prices of the last one in its group.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "core/align/unit_matching.hpp"
#include "core/model/ffn_matching.hpp"
#include "core/model/head_gauge.hpp"
#include "core/model/weight_similarity.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/plugin/alignment_scopes.hpp"
#include "core/plugin/declare.hpp"
#include "core/tensor/in_parallel.hpp"

namespace symphony {
namespace {

struct WeightMatchingParams {
  std::vector<std::string> scope{"ffn"};
  bool use_signs = true;
  std::int64_t max_sweeps = 20;
  double tolerance = 1e-6;
  static void describe(Schema& s) {
    s.field<&WeightMatchingParams::scope>("scope", "the symmetry groups to align").one_of(scope_names());
    s.field<&WeightMatchingParams::use_signs>("signed", "turn signs where they are a symmetry (ffn, residual)");
    s.field<&WeightMatchingParams::max_sweeps>("max_sweeps", "sweeps over all groups at most").at_least(1);
    s.field<&WeightMatchingParams::tolerance>("tolerance", "relative rise of the objective below which a step is not taken").range(0, 1);
  }
};

/// The descent for one source.
class Descent {
 public:
  Descent(const AlignmentProblem& problem, std::size_t source_idx, const WeightMatchingParams& params)
      : anchor_(problem.sources[problem.anchor]), source_(problem.sources[source_idx]), params_(params), all_groups_(problem.groups) {
    for (const SymmetryGroup& group : problem.groups)
      if (group.freedom.permutations && in_scope(params.scope, group.scope)) groups_.push_back(&group);
  }

  /// The residual stream first, from tensors that no other group touches, then the others once under it: what a sweep starts from does not
  /// depend on the gauge in which the source came.
  void run(Random random) {
    Groups others;
    for (const SymmetryGroup* group : groups_)
      if (is_residual(*group)) begin_with(*group, single(*group, match_residual(true)));
      else others.push_back(group);
    end_sweep();
    improve_all(others);
    end_sweep();
    for (std::int64_t sweep = 0; sweep < params_.max_sweeps; ++sweep) {
      if (!visit(random.permutation(static_cast<std::int64_t>(groups_.size())))) return;
      end_sweep();
    }
  }

  const TransformSet& set() const { return set_; }
  /// After each sweep; the first before any, under the residual's start where that is in scope.
  const std::vector<double>& objectives() const { return objectives_; }
  const std::vector<double>& rows_read() const { return rows_read_; }

  /// What the last step at each group found, seen from the untransformed source.
  void log_to(AlignmentLog& log, std::size_t source_idx) const {
    for (const SymmetryGroup* group : groups_)
      if (const auto match = matches_.find(group->id); match != matches_.end())
        log.add(group->scope, source_idx, std::max<std::int64_t>(0, group->layer), match->second);
  }

 private:
  using Groups = std::vector<const SymmetryGroup*>;
  struct Step {
    UnitMatch match;
    TransformSet elements;
  };
  struct Examined {
    std::optional<Step> found;
    bool is_taken = false, is_better = false;
  };

  static bool is_residual(const SymmetryGroup& group) { return group.scope == "residual"; }

  /// The source with every present transform but those at `group`: of heads, their gauges too.
  Model aligned_but(const SymmetryGroup& group) const {
    TransformSet others = set_;
    others.erase(group.id);
    if (group.scope == "attention_heads")
      std::erase_if(others, [&](const auto& entry) {
        const SymmetryGroup& other = find_group(all_groups_, entry.first);
        return other.scope == "gauge" && other.layer == group.layer;
      });
    return apply_transforms(source_, others);
  }

  Step propose(const SymmetryGroup& group) const {
    if (is_residual(group)) return single(group, match_residual(false));
    const Model source = aligned_but(group);
    if (group.scope == "attention_heads") return propose_heads(group, source);
    return single(group, match_ffn_units(anchor_, source, group.layer, params_.use_signs, options_for(group.id)));
  }

  Step propose_heads(const SymmetryGroup& group, const Model& source) const {
    const torch::Tensor circuits = head_circuit_similarity(anchor_, source, group.layer) / static_cast<double>(group.size);
    if (!in_scope(params_.scope, "gauge")) {
      const HeadWeightSimilarity weights = head_weight_similarity(anchor_, source, group.layer);
      return single(group, match_grouped_units(weights.heads + circuits, group.group_size, weights.groups));
    }
    Step step = single(group, match_grouped_units(circuits, group.group_size));
    const HeadGauge gauge = match_head_gauge(anchor_, apply_transforms(source, step.elements), group.layer);
    set_head_gauge(group.layer, gauge, step.elements);
    return step;
  }

  static Step single(const SymmetryGroup& group, UnitMatch match) {
    TransformSet elements{{group.id, match.transform}};
    return {std::move(match), std::move(elements)};
  }

  UnitMatch match_residual(bool embeddings_only) const {
    TransformSet others = set_;
    others.erase("residual");
    const torch::Tensor similarity = residual_weight_similarity(anchor_, apply_transforms(source_, others), embeddings_only);
    const UnitMatchOptions options = options_for("residual");
    return params_.use_signs ? match_signed_units(similarity, {}, options) : match_units(similarity, options);
  }

  UnitMatchOptions options_for(const std::string& id) const {
    UnitMatchOptions options;
    if (const auto start = starts_.find(id); start != starts_.end()) options.start = start->second;
    return options;
  }

  /// The part of the objective that depends on `group`; the whole of it for the residual stream and for nullptr.
  double objective(const SymmetryGroup* group, const TransformSet& set) const {
    const Model source = apply_transforms(source_, set);
    if (group && group->scope == "ffn") return ffn_agreement(anchor_, source, group->layer);
    if (group && group->scope == "attention_heads") return attention_agreement(anchor_, source, group->layer);
    std::vector<double> by_layer(static_cast<std::size_t>(anchor_.spec.num_layers));
    in_parallel(by_layer.size(), [&](std::size_t layer_idx) {
      const auto layer = static_cast<std::int64_t>(layer_idx);
      by_layer[layer_idx] = ffn_agreement(anchor_, source, layer) + attention_agreement(anchor_, source, layer);
    }, layers_at_once(anchor_.spec));
    return std::accumulate(by_layer.begin(), by_layer.end(), embedding_agreement(anchor_, source));
  }

  Examined examine(const SymmetryGroup& group) const {
    Examined result{propose(group)};
    TransformSet proposed = set_;
    for (const auto& [id, element] : result.found->elements) proposed.insert_or_assign(id, element);
    const double before = objective(&group, set_), after = objective(&group, proposed);
    result.is_better = after > before + params_.tolerance * std::max(1.0, std::abs(before));
    const bool first = !matches_.contains(group.id);
    // A gauge at which the first step starts is no better than any other: the answer must not depend on it.
    const bool free_start = first && result.found->elements.size() > 1;
    result.is_taken = result.is_better || free_start || (first && after >= before);
    return result;
  }

  /// Every group in `order`, the residual stream's in its turn and those between its turns together. True when one of them improved.
  bool visit(const std::vector<std::int64_t>& order) {
    bool improved = false;
    Groups stretch;
    for (const std::int64_t group_idx : order) {
      const SymmetryGroup* group = groups_[static_cast<std::size_t>(group_idx)];
      if (is_residual(*group)) {
        improved |= improve_all(stretch);
        improved |= improve_all({group});
        stretch.clear();
      } else {
        stretch.push_back(group);
      }
    }
    return improve_all(stretch) || improved;
  }

  /// `groups` do not depend on one another.
  bool improve_all(const Groups& groups) {
    Groups due;
    std::copy_if(groups.begin(), groups.end(), std::back_inserter(due), [&](const SymmetryGroup* group) { return is_due(*group); });
    std::vector<Examined> examined(due.size());
    in_parallel(due.size(), [&](std::size_t place) { examined[place] = examine(*due[place]); }, layers_at_once(anchor_.spec));
    bool improved = false;
    for (std::size_t place = 0; place < due.size(); ++place) {
      const SymmetryGroup& group = *due[place];
      const Step& found = *examined[place].found;
      note(group, found);
      seen_.insert_or_assign(group.id, changes_elsewhere(group));
      improved |= examined[place].is_better;
      if (examined[place].is_taken) take(group, found);
    }
    return improved;
  }

  void begin_with(const SymmetryGroup& group, const Step& found) {
    note(group, found);
    take(group, found);
  }

  void note(const SymmetryGroup& group, const Step& found) {
    rows_read_in_sweep_ += found.match.work.rows_read;
    starts_.insert_or_assign(group.id, found.match.start);
  }

  /// How often what `group` depends on has changed: of the residual stream, everything else; of any other group, the residual stream.
  std::int64_t changes_elsewhere(const SymmetryGroup& group) const { return is_residual(group) ? other_changes_ : residual_changes_; }
  bool is_due(const SymmetryGroup& group) const {
    const auto seen = seen_.find(group.id);
    return seen == seen_.end() || seen->second != changes_elsewhere(group);
  }

  void take(const SymmetryGroup& group, const Step& found) {
    for (const auto& [id, element] : found.elements) set_.insert_or_assign(id, element);
    matches_.insert_or_assign(group.id, found.match);
    ++(is_residual(group) ? residual_changes_ : other_changes_);
  }

  void end_sweep() {
    objectives_.push_back(objective(nullptr, set_));
    rows_read_.push_back(static_cast<double>(rows_read_in_sweep_));
    rows_read_in_sweep_ = 0;
  }

  const Model& anchor_;
  const Model& source_;
  const WeightMatchingParams& params_;
  const std::vector<SymmetryGroup>& all_groups_;
  Groups groups_;
  TransformSet set_;
  std::map<std::string, UnitMatch> matches_;
  std::map<std::string, AssignmentStart> starts_;
  std::map<std::string, std::int64_t> seen_;
  std::int64_t residual_changes_ = 0, other_changes_ = 0, rows_read_in_sweep_ = 0;
  std::vector<double> objectives_, rows_read_;
};

class WeightMatching final : public Alignment {
 public:
  explicit WeightMatching(const WeightMatchingParams& params) : params_(params) {}

  std::vector<StatisticsNeed> needs(const ModelSpec&) const override { return {}; }

  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const override {
    const std::size_t num_sources = problem.sources.size();
    std::vector<std::vector<double>> objectives(num_sources), rows_read(num_sources);
    AlignmentLog log(problem);
    auto sets = align_sources(problem, context, log, [&](std::size_t source_idx) {
      Descent descent(problem, source_idx, params_);
      descent.run(context.random(fmt::format("weight_matching.order.{}", source_idx)));
      TransformSet set = descent.set();
      if (in_scope(params_.scope, "gains")) add_gains(problem, source_idx, set);
      if (in_scope(params_.scope, "gauge")) add_gauges(problem, source_idx, set, log);
      objectives[source_idx] = descent.objectives();
      rows_read[source_idx] = descent.rows_read();
      descent.log_to(log, source_idx);
      return set;
    });
    note_common_ancestry(problem, sets, *context.recorder);
    record_sweeps(problem, {"alignment/objective", "1", "agreement with the anchor's weights after each sweep; the first before any, under the residual's start "
                            "where that is in scope"}, objectives, true, *context.recorder);
    record_sweeps(problem, {"alignment/rows_read", "1", "rows of similarity matrices that the assignments of FFN and residual units read in each sweep"},
                  rows_read, false, *context.recorder);
    return sets;
  }

 private:
  /// Sources that stopped early keep their last value, or have none.
  static void record_sweeps(const AlignmentProblem& problem, const RecordInfo& info, const std::vector<std::vector<double>>& by_source, bool keeps_last,
                            Recorder& recorder) {
    std::size_t longest = 0;
    for (const auto& series : by_source) longest = std::max(longest, series.size());
    if (longest == 0) return;
    std::vector<float> values;
    for (auto series : by_source) {
      series.resize(longest, series.empty() ? NAN : keeps_last ? series.back() : 0);
      values.insert(values.end(), series.begin(), series.end());
    }
    const std::vector<RecordAxis> axes{source_axis(problem.sources), {"sweep", longest, {}, {}}};
    recorder.array(info, axes, values);
  }

  WeightMatchingParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::WeightMatching, symphony::WeightMatchingParams, "weight_matching", 4,
                "permutes (and signs) units so that their weights agree with the anchor's, by coordinate descent",
                "Ainsworth et al. 2023, arXiv 2209.04836")
