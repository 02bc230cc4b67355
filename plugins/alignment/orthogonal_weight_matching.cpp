// Rotates the residual stream of every source onto the anchor's by weights alone. Source: "Generalized Linear Mode Connectivity for Transformers",
// arXiv 2506.22712 (weight matching with the orthogonal class for the residual stream), as methods-alignment 7.3 and 8.10 have it:
//   M = sum over blocks of A^T B / (||A|| ||B||), gains folded; a block is embedding, head, a reader, or a writer transposed;  M = U S V^T,  Q = U V^T
// First from embedding and head alone, which no other group touches; then, in turns until <Q, M> rises no more: heads by circuits (S5), V/O and Q/K
// gauges in closed form (S3, S4), FFN units by weights with signs (S1, S2), all under Q, and Q from every block under these. At the end the anchor's
// gains come in place of the folded ones (S6). Every step is an exact symmetry; tied heads are untied, since no tied model can be rotated.
// Differs from the paper: attention keeps its form (its QK and OV circuits as matrices cannot be run under RoPE and grouped queries), blocks are
// divided by their norms and not by the root of their columns, and there is no learned refinement.
// On sources trained independently from scratch this can do harm: their embeddings share little (a prototype found it worse than none).
#include <cmath>

#include <fmt/format.h>

#include "core/align/rotation.hpp"
#include "core/model/ffn_matching.hpp"
#include "core/model/weight_similarity.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/plugin/alignment_scopes.hpp"
#include "core/plugin/declare.hpp"
#include "core/tensor/in_parallel.hpp"

namespace symphony {
namespace {

struct OrthogonalWeightMatchingParams {
  std::vector<std::string> scope{"residual", "gains", "attention_heads", "gauge", "ffn"};
  std::int64_t max_sweeps = 15;
  double tolerance = 1e-6;
  static void describe(Schema& s) {
    using P = OrthogonalWeightMatchingParams;
    s.field<&P::scope>("scope", "what to align; the residual stream and the gains always are").one_of(scope_names());
    s.field<&P::max_sweeps>("max_sweeps", "rotations found from every block, at most; 0: from embedding and head alone").at_least(0);
    s.field<&P::tolerance>("tolerance", "relative rise of the agreement below which no further sweep is made").range(0, 1);
  }
};

class OrthogonalWeightMatching final : public Alignment {
 public:
  explicit OrthogonalWeightMatching(const OrthogonalWeightMatchingParams& params) : params_(params) {}

  bool unties() const override { return true; }
  std::vector<StatisticsNeed> needs(const ModelSpec&) const override { return {}; }

  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const override {
    AlignmentLog log(problem);
    auto sets = align_sources(problem, context, log, [&](std::size_t source_idx) { return align_source(problem, source_idx, log); });
    note_common_ancestry(problem, sets, *context.recorder);
    return sets;
  }

 private:
  TransformSet align_source(const AlignmentProblem& problem, std::size_t source_idx, AlignmentLog& log) const {
    const Model &anchor = problem.sources[problem.anchor], &source = problem.sources[source_idx];
    TransformSet set = under(best_rotation(residual_weight_similarity(anchor, source, true)).transform, problem, source_idx, log);
    double agreement = -INFINITY, before = 0;
    for (std::int64_t sweep = 0; sweep < params_.max_sweeps; ++sweep) {
      TransformSet others = set;
      others.erase("residual");
      const torch::Tensor moment_DD = residual_weight_similarity(anchor, apply_transforms(source, others), false);
      const Rotation rotation = best_rotation(moment_DD);
      const double reached = rotation.singular_values.sum().item<double>();
      if (sweep == 0) before = (set.at("residual").dense() * moment_DD).sum().item<double>();
      else if (!(reached > agreement + params_.tolerance * std::abs(agreement))) break;
      agreement = reached;
      set = under(rotation.transform, problem, source_idx, log);
    }
    if (params_.max_sweeps == 0) return set;
    const auto put = [&](const char* metric, const char* doc, double value) { log.add_value("residual", source_idx, 0, metric, "1", doc, value); };
    put("agreement_before", "sum over blocks of the cosine of the anchor's and the source's weights under the rotation from embedding and head", before);
    put("agreement_after", "the same under the last rotation, when it was found", agreement);
    return set;
  }

  /// Everything else, found under one residual element.
  TransformSet under(const Transform& residual, const AlignmentProblem& problem, std::size_t source_idx, AlignmentLog& log) const {
    TransformSet set{{"residual", residual}};
    add_gains(problem, source_idx, set);
    if (in_scope(params_.scope, "attention_heads")) add_heads(problem, source_idx, set, log);
    if (in_scope(params_.scope, "ffn")) add_units(problem, source_idx, set, log);
    if (in_scope(params_.scope, "gauge")) add_gauges(problem, source_idx, set, log);
    return set;
  }

  static void add_units(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
    const Model& anchor = problem.sources[problem.anchor];
    const Model source = apply_transforms(problem.sources[source_idx], set);
    std::vector<UnitMatch> found(static_cast<std::size_t>(anchor.spec.num_layers), UnitMatch{Transform::identity(0)});
    in_parallel(found.size(), [&](std::size_t layer) {
      found[layer] = match_ffn_units(anchor, source, static_cast<std::int64_t>(layer), true);
    }, layers_at_once(anchor.spec));
    for (std::size_t layer = 0; layer < found.size(); ++layer) {
      log.add("ffn", source_idx, static_cast<std::int64_t>(layer), found[layer]);
      set.insert_or_assign(fmt::format("layer.{}.ffn", layer), found[layer].transform);
    }
  }

  OrthogonalWeightMatchingParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::OrthogonalWeightMatching, symphony::OrthogonalWeightMatchingParams, "orthogonal_weight_matching", 3,
                "rotates the residual stream onto the anchor's by weights alone, with heads, gauges, gains and FFN units in turns",
                "Generalized Linear Mode Connectivity for Transformers 2025, arXiv 2506.22712")
