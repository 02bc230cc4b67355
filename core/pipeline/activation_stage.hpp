// The activation stage: per-layer activations of one model on the held-out windows that suites score, domain by domain: statistics over all their
// tokens, the activations themselves of the first ones, within the budget.
#pragma once

#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// `texts`: the text stage of every domain, in the experiment's order. Each token that a window scores is heard once, as the one that predicts it.
StagePtr make_activations(const StageBuilder& builder, const ModelHandle& model, const std::vector<StagePtr>& texts);

}  // namespace symphony
