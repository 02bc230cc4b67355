// Every source's own FFN is one expert, in configured order: the bank of Branch-Train-MiX (Sukhbaatar et al. 2024, arXiv 2403.07816, section 3)
// and of Symphony-MoE (arXiv 2509.18542). With weights that sum to one the output scale is 1: identical sources give the dense layer back.
#include "core/plugin/declare.hpp"
#include "core/plugin/experts.hpp"

namespace symphony {
namespace {

class Separate final : public Experts {
 public:
  ExpertPlan plan(const ExpertsProblem& problem, const Context&) const override {
    ExpertPlan plan;
    for (std::size_t source_idx = 0; source_idx < problem.source_names.size(); ++source_idx)
      plan.slots.push_back({.kind = ExpertKind::ffn, .source = source_idx, .label = problem.source_names[source_idx]});
    return plan;
  }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Experts, symphony::Separate, symphony::NoParams, "separate", /*revision=*/1,
                "every source's own FFN is one expert", "Sukhbaatar et al. 2024, Branch-Train-MiX, arXiv 2403.07816");
