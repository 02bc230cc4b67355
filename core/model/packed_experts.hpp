// All experts of a layer in two tensors, gate_up_proj [E, 2F, D] (gate above up) and down_proj [E, D, F]: taken apart on reading, put together on
// writing. checkpoint_names.hpp has the names.
#pragma once

#include <memory>

#include "core/model/model_spec.hpp"

namespace symphony {

/// Whether `source` holds packed experts.
bool has_packed_experts(const TensorSource& source);

/// `stored` with every packed tensor shown as the canonical tensors of its experts, which point into it. Throws DataError when a packed tensor
/// has not the shape that `spec` asks for or one of a layer's two is missing.
std::shared_ptr<const TensorSource> unpacked_experts(std::shared_ptr<const TensorSource> stored, const ModelSpec& spec);

/// `source`, whose experts have canonical names, with each layer's packed. A packed tensor is put together when it is asked for. Throws DataError
/// when the experts of a layer have different dtypes.
std::shared_ptr<const TensorSource> packed_experts(std::shared_ptr<const TensorSource> source, const ModelSpec& spec);

}  // namespace symphony
