// Parameters of an untrained model.
#pragma once

#include <cstdint>

#include "core/model/model_spec.hpp"

namespace symphony {

/// All spec_tensors of `spec`, float32, drawn as initialise.cpp says: norms 1, biases 0, matrices normal. Router parameters are not among
/// them (category router_init). Every tensor comes from its own stream of `seed`, named after the tensor, so that it does not depend on
/// which others the spec has; the experts of one layer differ. Throws DataError when the spec is inconsistent.
TensorMap initial_parameters(const ModelSpec& spec, std::uint64_t seed);

}  // namespace symphony
