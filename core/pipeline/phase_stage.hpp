// The phase stage: post-training of the assembled model, a named set of parts at a time.
#pragma once

#include <optional>
#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// The model after `phase`. None when the phase would train nothing: a dense model has no router and no experts, and some routers learn nothing. Throws
/// ConfigError when only some of its parts are none of the model's.
std::optional<ModelHandle> make_phase(const StageBuilder& builder, const ModelHandle& before, const PhaseSettings& phase, const std::vector<StagePtr>& texts);

}  // namespace symphony
