// What rounding alone can do to a model: the control against which "equal after training" is judged.
#pragma once

#include <cstdint>

#include "core/model/model_spec.hpp"

namespace symphony {

/// A model whose every weight is the number next above or next below the given one in its dtype (float32, float64 or bfloat16), at random. A
/// view; each tensor's directions come from a stream of `seed` named after it.
Model perturb_by_one_ulp(const Model& model, std::uint64_t seed);

}  // namespace symphony
