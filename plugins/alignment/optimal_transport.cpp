// Soft matching of FFN units: every slot of the anchor gets an average of the source's units instead of one of them. Sources: Imfeld et al. 2024,
// "Transformer Fusion with Optimal Transport", arXiv 2310.05719; Singh and Jaggi 2020, "Model Fusion via Optimal Transport", arXiv 1910.05653,
// algorithm 1. In every layer, with C the cost of putting source unit k into slot j and T the entropic plan of uniform marginals (core/align/sinkhorn.hpp),
//   M = n T,      up' = M up,   gate' = M gate,   down' = down M^T
//   by activations   C = 2 (1 - correlation) of silu(gate) * up on the calibration tokens: the squared euclidean distance of standardised activations,
//                    divided by their number. Units without signal are paired among themselves, as activation_matching does
//   by weights       C = squared euclidean distance of a unit's gate row, up row and down column, each over its matrix's norm, with norm gains folded and
//                    units balanced (core/model/weight_similarity.hpp)
// It is no symmetry: silu(M gate x) * (M up x) is not M (silu(gate x) * (up x)), and M^T M is not 1. The source computes something else afterwards, by
// how much is measured and recorded, and experts that keep sources' FFNs are refused. It is for FFNs that become one.
//
// Differs from the papers: only FFN units are mixed, so that the residual stream keeps its basis and no input map is carried along (a head's features
// cannot be mixed under rotary positions, methods-alignment 8.2); one plan a layer serves gate and up, which are one unit; `signed` lets the distance be
// that to the unit or to the unit with up and down negated, which is the same unit (SwiGLU), whichever is nearer, and turns the sign of that share in M,
// |M| acting on the gate; and the regularisation is in units of the median cost, not of the largest. Units are compared in gauges that scales of a unit do not
// disturb and mixed as they come: a source whose up rows are twice and down columns half as large is the same source and gives another mixture (methods-alignment
// 8.1 would fix that gauge first).
//
// Measured on two independent models of width 32, dense average, three seeds, bits a byte before and after 20 steps of training: units as they are 4.67
// and 2.24, activation_matching 4.15 and 2.23, this one 4.36 and 2.28 (at a regularisation of 0.02 4.20 and 2.25, of 0.3 4.69 and 2.32). With a common
// start for half of their steps: 2.32 and 1.63, 2.34 and 1.65, 2.36 and 1.68. By activations the hard matching, which keeps the
// source's function, was worse in no mean; after training most intervals of the difference from none include 0.
#include <fmt/format.h>

#include "core/align/dead_pairs.hpp"
#include "core/align/sinkhorn.hpp"
#include "core/model/ffn_units.hpp"
#include "core/model/weight_similarity.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/plugin/alignment_scopes.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

struct OptimalTransportParams {
  std::vector<std::string> scope{"ffn"};
  std::string by = "activations";
  bool use_signs = true;
  double regularisation = 0.08;
  double tolerance = 1e-3;
  std::int64_t max_iterations = 1000;
  static void describe(Schema& s) {
    s.field<&OptimalTransportParams::scope>("scope", "what is mixed: FFN units, no other symmetry group has a soft form here").one_of({"ffn"});
    s.field<&OptimalTransportParams::by>("by", "what makes units near").one_of({"activations", "weights"});
    s.field<&OptimalTransportParams::use_signs>("signed", "a unit may count with its sign turned where that is nearer");
    s.field<&OptimalTransportParams::regularisation>("regularisation", "of the plan's entropy, in units of the median cost: towards 0 a permutation, large the "
                                                                       "mean of all units; the paper's example has 0.08 by activations, 0.06 by weights, of the largest cost")
        .range(1e-4, 100);
    s.field<&OptimalTransportParams::tolerance>("tolerance", "by how much what a unit gives to all slots together may miss 1").range(1e-9, 0.1);
    s.field<&OptimalTransportParams::max_iterations>("max_iterations", "Sinkhorn iterations of a layer after which the run stops").range(1, 1e6);
  }
};

/// Float64 [n, n], rows the anchor's slots, columns the source's units.
struct Comparison {
  torch::Tensor cost, sign, worth, plain;   ///< worth: similarity with the sign of `sign`; plain: as the units come
  DeadPairs dead;
};

/// Of every unit's gate, up and down together, each over its matrix's norm: [F].
torch::Tensor squared_lengths(const Model& model, std::int64_t layer) {
  const torch::Tensor balance = unit_balance(model, layer);
  torch::Tensor sum = torch::zeros_like(balance);
  for (const FfnPart part : kFfnParts) {
    const torch::Tensor squares = FfnUnits(model, layer, part, balance).norms().square();
    sum = sum + squares / squares.sum().clamp_min(1e-300);
  }
  return sum;
}

torch::Tensor signs_of(const torch::Tensor& values) { return torch::where(values < 0, -torch::ones_like(values), torch::ones_like(values)); }

class OptimalTransport final : public Alignment {
 public:
  explicit OptimalTransport(const OptimalTransportParams& params) : params_(params) {}

  bool approximate() const override { return true; }

  std::vector<StatisticsNeed> needs(const ModelSpec&) const override {
    return by_activations() ? std::vector<StatisticsNeed>{{Site::ffn_hidden}} : std::vector<StatisticsNeed>{};
  }

  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const override {
    AlignmentLog log(problem);
    return align_sources(problem, context, log, [&](std::size_t source_idx) {
      TransformSet set;
      for (std::int64_t layer = 0; layer < problem.sources[problem.anchor].spec.num_layers; ++layer)
        set.emplace(fmt::format("layer.{}.ffn", layer), mix(compare(problem, source_idx, layer), source_idx, layer, log));
      return set;
    });
  }

 private:
  bool by_activations() const { return params_.by == "activations"; }

  Comparison compare(const AlignmentProblem& problem, std::size_t source_idx, std::int64_t layer) const {
    if (!by_activations()) return compare_weights(problem.sources[problem.anchor], problem.sources[source_idx], layer);
    const PairMoments& moments = problem.statistics.moments(source_idx, Site::ffn_hidden, layer);
    const torch::Tensor plain = correlation(moments), ones = torch::ones_like(plain);
    const torch::Tensor worth = params_.use_signs ? plain.abs() : plain;
    return {2 * (1 - worth), params_.use_signs ? signs_of(plain) : ones, worth, plain,
            pair_dead_units(plain.size(0), dead_units(moments.var_a), dead_units(moments.var_b))};
  }

  Comparison compare_weights(const Model& anchor, const Model& source, std::int64_t layer) const {
    const FfnWeightSimilarity similarity = ffn_weight_similarity(anchor, source, layer);
    const torch::Tensor fixed = similarity.fixed.to(torch::kFloat64), turned = similarity.signed_.to(torch::kFloat64);
    const torch::Tensor plain = fixed + turned, worth = params_.use_signs ? fixed + turned.abs() : plain;
    const torch::Tensor cost = squared_lengths(anchor, layer).unsqueeze(1) + squared_lengths(source, layer).unsqueeze(0) - 2 * worth;
    return {cost, params_.use_signs ? signs_of(turned) : torch::ones_like(plain), worth, plain, pair_dead_units(plain.size(0), {}, {})};
  }

  Transform mix(const Comparison& units, std::size_t source_idx, std::int64_t layer, AlignmentLog& log) const {
    const torch::Tensor slots = torch::tensor(units.dead.other_slots, torch::kInt64), others = torch::tensor(units.dead.other_units, torch::kInt64);
    const torch::Tensor cost = units.cost.index_select(0, slots).index_select(1, others).clamp_min(0);
    const TransportPlan plan = solve_transport(cost, {params_.regularisation, params_.tolerance, params_.max_iterations});
    torch::Tensor shares = torch::zeros_like(units.cost);
    shares.index_put_({slots.unsqueeze(1), others.unsqueeze(0)}, plan.shares_nn);
    for (const auto& [slot, unit] : units.dead.pairs) shares.index_put_({slot, unit}, 1.0);
    log_plan(units, plan, shares, source_idx, layer, log);
    return Transform::mixing(shares * units.sign);
  }

  static void log_plan(const Comparison& units, const TransportPlan& plan, const torch::Tensor& shares, std::size_t source_idx, std::int64_t layer,
                       AlignmentLog& log) {
    const auto size = static_cast<double>(shares.size(0));
    const auto put = [&](const char* metric, const char* unit, const char* doc, double value) {
      log.add_value("ffn", source_idx, layer, metric, unit, doc, value);
    };
    put("similarity_before", "1", "mean similarity of anchor and source units of equal index", units.plain.diagonal().mean().item<double>());
    put("similarity_after", "1", "mean similarity of a slot's unit and the units that it is mixed of, by their shares",
        (shares * units.worth).sum().item<double>() / size);
    put("units_per_slot", "units", "exp of the entropy of a slot's shares, mean over slots: 1 for a permutation", plan.units_per_slot);
    put("moved_share", "1", "what slots are made of beside the unit of their own index", 1 - shares.diagonal().mean().item<double>());
    put("negative_fraction", "1", "share that counts with its sign turned", (shares * (units.sign < 0)).sum().item<double>() / size);
    put("dead_fraction", "1", "share of units without signal, left out of the plan", static_cast<double>(units.dead.pairs.size()) / size);
    put("transport_cost", "1", "mean cost of the plan", plan.mean_cost);
    put("violation", "1", "largest difference from 1 of what a unit gives to all slots together", plan.violation);
    put("iterations", "1", "Sinkhorn iterations", static_cast<double>(plan.iterations));
  }

  OptimalTransportParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::OptimalTransport, symphony::OptimalTransportParams, "optimal_transport", /*revision=*/2,
                "mixes FFN units by a soft matching with the anchor's; approximate: for FFNs that are averaged",
                "Imfeld et al. 2024, arXiv 2310.05719; Singh and Jaggi 2020, arXiv 1910.05653")
