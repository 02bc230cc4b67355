// The activation stage: per-layer activations of one model on probe tokens of every domain, statistics first, raw tensors within the budget.
#pragma once

#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// `texts`: the text stage of every domain, in the experiment's order. Probe tokens are the first held-out ones.
StagePtr make_activations(const StageBuilder& builder, const ModelHandle& model, const std::vector<StagePtr>& texts);

}  // namespace symphony
