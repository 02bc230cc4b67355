// Matches units whose activations correlate on the same tokens. Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv 2209.04836, section 3.1;
// as the functional alignment of experts: "Symphony-MoE", arXiv 2509.18542, equation 2. With C = Pearson correlation of anchor and source,
//   ffn               maximise sum_j |C[j, pi(j)]| of silu(gate) * up in every layer, sign of the up and down weights from C
//   residual          the same with C summed over the embedding's output and the stream leaving every layer; one element for all layers
//   attention_heads   gauge-invariant QK and OV inner products of the weights (methods-alignment 7.4), residual-aligned first when that is in
//                     scope; head outputs are no units of their own before W_o, so activations cannot do this
// Differs from Symphony-MoE: signs count, because SwiGLU units have them as a symmetry (about half of the best matches between independent
// models are negative); "normalisation", which the paper leaves open, is Pearson's; the gate moves too, which its appendix forgets; and the
// 80 % variant, whose rule is not given, keeps the best-correlated share and fills the rest index to index.
// No bonus for staying in place is added: it would make the answer depend on the gauge in which a source happens to come.
#include <algorithm>

#include <fmt/format.h>

#include "core/align/unit_matching.hpp"
#include "core/model/weight_similarity.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

struct ActivationMatchingParams {
  std::vector<std::string> scope{"ffn"};
  bool use_signs = true;
  double fraction = 1;
  static void describe(Schema& s) {
    s.field<&ActivationMatchingParams::scope>("scope", "the symmetry groups to align").one_of(scope_names());
    s.field<&ActivationMatchingParams::use_signs>("signed", "match by |correlation| and turn signs where they are a symmetry (ffn, residual)");
    s.field<&ActivationMatchingParams::fraction>("fraction", "share of FFN units that keep their match, the best-correlated first; the others "
                                                             "are paired in increasing order")
        .range(0, 1);
  }
};

class ActivationMatching final : public Alignment {
 public:
  explicit ActivationMatching(const ActivationMatchingParams& params) : params_(params) {}

  std::vector<StatisticsNeed> needs(const ModelSpec&) const override {
    std::vector<StatisticsNeed> needs;
    if (in_scope("ffn")) needs.push_back({Site::ffn_hidden});
    if (in_scope("residual")) needs.insert(needs.end(), {{Site::embedding}, {Site::residual}});
    return needs;
  }

  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const override {
    std::vector<TransformSet> sets(problem.sources.size());
    AlignmentLog log(problem);
    for (std::size_t source_idx = 0; source_idx < sets.size(); ++source_idx) {
      if (source_idx != problem.anchor) sets[source_idx] = align_source(problem, source_idx, log);
      context.progress(static_cast<double>(source_idx + 1) / static_cast<double>(sets.size()));
    }
    log.write(*context.recorder);
    return sets;
  }

 private:
  bool in_scope(const char* name) const { return std::find(params_.scope.begin(), params_.scope.end(), name) != params_.scope.end(); }

  UnitMatch match(const torch::Tensor& similarity, const UnitMatchOptions& options) const {
    return params_.use_signs ? match_signed_units(similarity, {}, options) : match_units(similarity, options);
  }

  /// One ascending pass over the layers serves both FFN and residual, which is what the statistics stream best.
  TransformSet align_source(const AlignmentProblem& problem, std::size_t source_idx, AlignmentLog& log) const {
    const Model& anchor = problem.sources[problem.anchor];
    const Model& source = problem.sources[source_idx];
    TransformSet set;
    torch::Tensor residual;
    for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
      if (in_scope("ffn")) {
        const PairMoments& moments = problem.statistics.moments(source_idx, Site::ffn_hidden, layer);
        const UnitMatch found = match(correlation(moments), {params_.fraction, dead_units(moments.var_a), dead_units(moments.var_b)});
        log.add("ffn", source_idx, layer, found);
        set.insert_or_assign(fmt::format("layer.{}.ffn", layer), found.transform);
      }
      if (!in_scope("residual")) continue;
      if (layer == 0) residual = correlation(problem.statistics.moments(source_idx, Site::embedding, 0));
      residual = residual + correlation(problem.statistics.moments(source_idx, Site::residual, layer));
    }
    if (residual.defined()) {
      const UnitMatch found = match(residual / static_cast<double>(anchor.spec.num_layers + 1), {});
      log.add("residual", source_idx, 0, found);
      set.insert_or_assign("residual", found.transform);
    }
    if (in_scope("attention_heads")) align_heads(anchor, apply_transforms(source, set), source_idx, set, log);
    return set;
  }

  static void align_heads(const Model& anchor, const Model& source, std::size_t source_idx, TransformSet& set, AlignmentLog& log) {
    for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
      const UnitMatch found = match_grouped_units(head_circuit_similarity(anchor, source, layer), anchor.spec.heads_per_kv());
      log.add("attention_heads", source_idx, layer, found);
      set.insert_or_assign(fmt::format("layer.{}.heads", layer), found.transform);
    }
  }

  ActivationMatchingParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::ActivationMatching, symphony::ActivationMatchingParams, "activation_matching", 1,
                "permutes (and signs) units so that their activations correlate with the anchor's",
                "Ainsworth et al. 2023, arXiv 2209.04836; Symphony-MoE 2025, arXiv 2509.18542")
