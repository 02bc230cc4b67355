// No alignment: every source stays as it is. The control that every other method is compared with.
#include "core/plugin/alignment.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

class None final : public Alignment {
 public:
  explicit None(const NoParams&) {}
  std::vector<StatisticsNeed> needs(const ModelSpec&) const override { return {}; }
  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context&) const override {
    return std::vector<TransformSet>(problem.sources.size());
  }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Alignment, symphony::None, symphony::NoParams, "none", 1, "leaves every source as it is", "control, no source")
