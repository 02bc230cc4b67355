// FFN units of two models matched by their weights, in the memory of one similarity matrix.
#pragma once

#include <cstdint>

#include "core/align/unit_matching.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

/// The permutation that maximises the sum over units of what ffn_weight_similarity (core/model/weight_similarity.hpp) says of them: fixed + signed, or with
/// `use_signs` fixed + |signed| and the sign of `signed`. Similarities are summed in float32, [F, F] and nothing else of that size; what is said of the chosen
/// pairs, their signs and the means, is float64.
UnitMatch match_ffn_units(const Model& anchor, const Model& source, std::int64_t layer, bool use_signs, const UnitMatchOptions& options = {});

/// Of how many layers at once the units and heads can be compared and matched in twice the largest tensor in float32 and 256 MiB; at least one.
std::size_t layers_at_once(const ModelSpec& spec);

}  // namespace symphony
