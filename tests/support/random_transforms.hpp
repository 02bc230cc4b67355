// Random elements of symmetry groups: what planted-symmetry tests scramble models with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/symmetry.hpp"

namespace symphony::testing {

/// An element of every group whose scope is listed ("" for the residual scale). Signs only where allowed and asked for; scales in [1/2, 2], on
/// FFN units only when "gauge" is listed too; gauges well conditioned.
TransformSet random_transforms(const std::vector<SymmetryGroup>& groups, const std::vector<std::string>& scopes, bool with_signs, std::uint64_t seed);

/// Uniformly random.
Transform random_rotation(std::int64_t size, std::uint64_t seed);

/// Gains folded, the residual stream rotated, the gains put back as other random ones: S8 with S6 on both sides of it.
TransformSet random_rotation_of(const Model& model, std::uint64_t seed);

}  // namespace symphony::testing
