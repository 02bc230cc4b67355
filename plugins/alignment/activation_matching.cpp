// Matches units whose activations correlate on the same tokens. Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv 2209.04836, section 3.1;
// as the functional alignment of experts: "Symphony-MoE", arXiv 2509.18542, equation 2. With C = Pearson correlation of anchor and source,
//   ffn               maximise sum_j |C[j, pi(j)]| of silu(gate) * up in every layer, sign of the up and down weights from C
//   residual          the same with E[n_A n_B^T], n = h / rms(h), summed over the embedding's output and the stream leaving every layer; one
//                     element for all layers. It maximises the agreement of what the layers read. Correlation, which forgets means and
//                     magnitudes, finds an element that is worse than none (measured on four independent models of 385 k parameters, anchor's
//                     backbone, before training: 6.76 bits a byte, none 6.29, second moments 5.16)
//   attention_heads   gauge-invariant QK and OV inner products of the weights (methods-alignment 7.4), residual-aligned first when that is in
//                     scope; head outputs are no units of their own before W_o, so activations cannot do this
// Differs from Symphony-MoE: signs count, because SwiGLU units have them as a symmetry (about half of the best matches between independent
// models are negative); "normalisation", which the paper leaves open, is Pearson's; the gate moves too, which its appendix forgets; and the
// 80 % variant, whose rule is not given, keeps the best-correlated share and fills the rest index to index.
// No bonus for staying in place is added: it would make the answer depend on the gauge in which a source happens to come.
#include <fmt/format.h>

#include "core/align/unit_matching.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/plugin/alignment_scopes.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

struct ActivationMatchingParams {
  std::vector<std::string> scope{"ffn"};
  bool use_signs = true;
  std::string residual_by = "moments";
  double fraction = 1;
  static void describe(Schema& s) {
    s.field<&ActivationMatchingParams::scope>("scope", "the symmetry groups to align").one_of(scope_names());
    s.field<&ActivationMatchingParams::use_signs>("signed", "match by |correlation| and turn signs where they are a symmetry (ffn, residual)");
    s.field<&ActivationMatchingParams::residual_by>("residual_by", "what is summed over layers for the residual stream: second moments or covariances "
                                                                   "of normalised rows, or either divided by the units' own (cosine, correlation)")
        .one_of({"moments", "covariance", "cosine", "correlation"});
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
    if (in_scope("residual")) needs.insert(needs.end(), {{Site::embedding, true}, {Site::residual, true}});
    return needs;
  }

  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const override {
    AlignmentLog log(problem);
    auto sets = align_sources(problem, context, log, [&](std::size_t source_idx) { return align_source(problem, source_idx, log); });
    note_common_ancestry(problem, sets, *context.recorder);
    return sets;
  }

 private:
  bool in_scope(const char* name) const { return symphony::in_scope(params_.scope, name); }

  torch::Tensor residual_similarity(const PairMoments& moments) const {
    if (params_.residual_by == "covariance") return moments.covariance;
    if (params_.residual_by == "correlation") return correlation(moments);
    const torch::Tensor products = second_moment(moments);
    if (params_.residual_by == "moments") return products;
    const auto lengths = [](const torch::Tensor& mean, const torch::Tensor& variance) { return (variance + mean.square()).sqrt().clamp_min(1e-300); };
    return products / lengths(moments.mean_a, moments.var_a).outer(lengths(moments.mean_b, moments.var_b));
  }

  UnitMatch match(const torch::Tensor& similarity, const UnitMatchOptions& options) const {
    return params_.use_signs ? match_signed_units(similarity, {}, options) : match_units(similarity, options);
  }

  /// One ascending pass over the layers serves both FFN and residual, which is what the statistics stream best.
  TransformSet align_source(const AlignmentProblem& problem, std::size_t source_idx, AlignmentLog& log) const {
    const Model& anchor = problem.sources[problem.anchor];
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
      if (layer == 0) residual = residual_similarity(problem.statistics.moments(source_idx, Site::embedding, 0));
      residual = residual + residual_similarity(problem.statistics.moments(source_idx, Site::residual, layer));
    }
    if (residual.defined()) {
      const UnitMatch found = match(residual / static_cast<double>(anchor.spec.num_layers + 1), {});
      log.add("residual", source_idx, 0, found);
      set.insert_or_assign("residual", found.transform);
    }
    if (in_scope("gains")) add_gains(problem, source_idx, set);
    if (in_scope("attention_heads")) add_heads(problem, source_idx, set, log);
    if (in_scope("gauge")) add_gauges(problem, source_idx, set, log);
    return set;
  }

  ActivationMatchingParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::ActivationMatching, symphony::ActivationMatchingParams, "activation_matching", 2,
                "permutes (and signs) units so that their activations correlate with the anchor's",
                "Ainsworth et al. 2023, arXiv 2209.04836; Symphony-MoE 2025, arXiv 2509.18542")
