// Moves every weight to its neighbouring float, up or down at random: what rounding alone can do. Training amplifies such a difference, so
// "equal after training" can only be judged against it (methods-alignment, section 3, T2). Source: ours.
#include "core/base/seed.hpp"
#include "core/model/perturb.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/edit.hpp"

namespace symphony {
namespace {

struct OneUlpParams {
  std::int64_t draw = 1;
  static void describe(Schema& s) {
    s.field<&OneUlpParams::draw>("draw", "which of the random perturbations under one seed").at_least(1);
  }
};

class OneUlp final : public Edit {
 public:
  explicit OneUlp(const OneUlpParams& params) : params_(params) {}

  Model edit(const EditProblem& problem, const Context& context) const override {
    return perturb_by_one_ulp(problem.model, derive_seed(context.seed, fmt::format("one_ulp draw {}", params_.draw)));
  }

 private:
  OneUlpParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Edit, symphony::OneUlp, symphony::OneUlpParams, "one_ulp", /*revision=*/1,
                "moves every weight by one unit in the last place, at random", "Symphony Lab");
