// Sparse upcycling: every expert is a copy of the anchor's FFN, and everything else is the anchor's too. The control of every merge: the same
// architecture and budget, and no second source. Source: Komatsuzaki et al. 2023, "Sparse Upcycling", arXiv 2212.05055. With weights that sum to
// one the assembled model is the anchor. `noise` breaks the ties between copies: their gradients differ only where their inputs do.
// `reinitialised` breaks them by drawing that share of every copy's hidden units anew, each copy other units: Nakamura et al. 2025,
// "Drop-Upcycling", arXiv 2502.19261, section 3.2 (their best share is 0.5). Then the assembled model is no longer the anchor.
#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/experts.hpp"

namespace symphony {
namespace {

struct UpcycleParams {
  std::int64_t count = 0;
  double noise = 0.0;
  double reinitialised = 0.0;
  static void describe(Schema& s) {
    s.field<&UpcycleParams::count>("count", "how many copies; 0: as many as there are sources").range(0, 1024);
    s.field<&UpcycleParams::noise>("noise", "standard deviation of the noise added to every copy but the first, in units of each tensor's own")
        .range(0, 10);
    s.field<&UpcycleParams::reinitialised>("reinitialised", "share of every copy's hidden units that are drawn anew").range(0, 1);
  }
};

class Upcycle final : public Experts {
 public:
  explicit Upcycle(const UpcycleParams& params) : params_(params) {}

  ExpertPlan plan(const ExpertsProblem& problem, const Context&) const override {
    SYMPHONY_ASSERT(problem.anchor < problem.source_names.size());
    const std::int64_t count = params_.count > 0 ? params_.count : static_cast<std::int64_t>(problem.source_names.size());
    const std::string& anchor = problem.source_names[problem.anchor];
    ExpertPlan plan;
    for (std::int64_t copy_idx = 0; copy_idx < count; ++copy_idx) {
      const std::string label = copy_idx == 0 ? anchor : fmt::format("{} copy {}", anchor, copy_idx + 1);
      plan.slots.push_back({.kind = ExpertKind::ffn, .source = problem.anchor, .label = label});
    }
    plan.backbone_from = problem.anchor;
    plan.noise = params_.noise;
    plan.reinitialised = params_.reinitialised;
    return plan;
  }

 private:
  UpcycleParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Experts, symphony::Upcycle, symphony::UpcycleParams, "upcycle", /*revision=*/1,
                "copies of the anchor's FFN in the anchor's backbone", "Komatsuzaki et al. 2023, Sparse Upcycling, arXiv 2212.05055");
