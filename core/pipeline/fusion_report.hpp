// What fusing did, measured on the weights.
#pragma once

#include <vector>

#include "core/model/model_spec.hpp"
#include "core/pipeline/stage.hpp"

namespace symphony {

/// Arrays fusion/pairwise_cosine and fusion/norm_ratio: by kind of tensor, the mean over those that `merged` fuses of the cosine between the aligned
/// sources' tensors and of the merged tensor's norm over the sources' mean norm. Reads each of them once, and says how far it is.
void record_fusion(const Model& merged, const std::vector<Model>& aligned, StageScope& scope);

}  // namespace symphony
