// The assembly stage: aligned sources become one model under the experts' plan and the fusion map, its router gets first values, and the
// edits are applied. What the stage stores is the router; the assembled model itself is a view, rebuilt on reading and never written.
#pragma once

#include <vector>

#include "core/pipeline/builder.hpp"
#include "core/plugin/experts.hpp"

namespace symphony {

/// The experts' plan, from the sources' spec alone.
ExpertPlan make_plan(const StageBuilder& builder, const ModelSpec& spec);

/// `sources` in the order of Experiment::merged_sources, as make_alignment had them for `alignment`; `spec` that of all of them aligned; `texts` in the
/// order of calibration_domains.
ModelHandle make_assembly(const StageBuilder& builder, const ModelSpec& spec, const std::vector<ModelHandle>& sources,
                          const std::optional<ModelHandle>& base, const StagePtr& alignment, const std::vector<StagePtr>& texts);

}  // namespace symphony
