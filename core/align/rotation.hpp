// Orthogonal Procrustes: the rotation or reflection Q that maximises <Q, M> (Schoenemann 1966, Psychometrika 31, equation 2.7): M = U S V^T, Q = U V^T.
#pragma once

#include <torch/types.h>

#include "core/align/transform.hpp"

namespace symphony {

struct Rotation {
  Transform transform;             ///< the identity where Q differs from it by rounding alone (1e-9): a model matched with itself
  torch::Tensor singular_values;   ///< of M, [D]; their sum is <Q, M>
};

/// moment_DD float64; rows are the anchor's directions, columns the source's. Where M has no signal Q is arbitrary.
Rotation best_rotation(const torch::Tensor& moment_DD);

/// |eigen-angles| of the matrix of an element, in radians: [D].
torch::Tensor eigen_angles(const Transform& transform);

}  // namespace symphony
