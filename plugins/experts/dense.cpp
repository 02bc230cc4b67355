// No bank: the FFNs are fused like every other tensor, by the experiment's `fusion.ffn`, and the result is a dense model of the sources' size. The
// control that says what keeping the FFNs apart is worth. Source: Li et al. 2022, "Branch-Train-Merge", arXiv 2208.03306, section 4 (parameter
// averages of experts).
#include "core/plugin/declare.hpp"
#include "core/plugin/experts.hpp"

namespace symphony {
namespace {

class Dense final : public Experts {
 public:
  ExpertPlan plan(const ExpertsProblem&, const Context&) const override { return {}; }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Experts, symphony::Dense, symphony::NoParams, "dense", /*revision=*/1,
                "no experts: the FFNs are fused into one dense model", "Li et al. 2022, Branch-Train-Merge, arXiv 2208.03306");
