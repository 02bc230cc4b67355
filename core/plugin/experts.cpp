// What an expert plan may ask for: checked in one place, so that every plan that core cannot carry out is refused by name.
#include "core/plugin/experts.hpp"

#include <cmath>

#include "core/base/error.hpp"

namespace symphony {

std::string expert_kind_name(ExpertKind kind) {
  switch (kind) {
    case ExpertKind::ffn: return "ffn";
    case ExpertKind::shared: return "shared";
    case ExpertKind::zero: return "zero";
    case ExpertKind::copy: return "copy";
    case ExpertKind::constant: return "constant";
  }
  SYMPHONY_ASSERT(!"an expert kind without a name");
  return {};
}

void check_plan(const ExpertPlan& plan, const ExpertsProblem& problem, std::string_view who) {
  const std::size_t num_sources = problem.source_names.size();
  for (std::size_t slot_idx = 0; slot_idx < plan.slots.size(); ++slot_idx) {
    const ExpertSlot& slot = plan.slots[slot_idx];
    if (slot.kind != ExpertKind::ffn)
      fail<PluginError>(who, "slot {} ('{}') asks for an expert of kind '{}', core builds kind 'ffn' only", slot_idx, slot.label,
                        expert_kind_name(slot.kind));
    if (slot.source >= num_sources)
      fail<PluginError>(who, "slot {} ('{}') is filled from source {}, expected one of the {} sources 0 to {}", slot_idx, slot.label,
                        slot.source, num_sources, num_sources - 1);
  }
  if (plan.backbone_from && *plan.backbone_from >= num_sources)
    fail<PluginError>(who, "the backbone is taken from source {}, expected one of the {} sources 0 to {}", *plan.backbone_from, num_sources,
                      num_sources - 1);
  if (!std::isfinite(plan.output_scale) || plan.output_scale <= 0.0)
    fail<PluginError>(who, "the output scale is {}, expected a finite number above 0", plan.output_scale);
  if (!std::isfinite(plan.noise) || plan.noise < 0.0)
    fail<PluginError>(who, "the noise is {}, expected a finite number, at least 0", plan.noise);
  if (!(plan.reinitialised >= 0.0) || plan.reinitialised > 1.0)
    fail<PluginError>(who, "the share of units drawn anew is {}, expected 0 to 1", plan.reinitialised);
}

}  // namespace symphony
