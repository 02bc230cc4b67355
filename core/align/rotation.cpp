// The polar factor of a matrix, in float64.
#include "core/align/rotation.hpp"

namespace symphony {

namespace {

constexpr double kNothingMoves = 1e-9;

}  // namespace

Rotation best_rotation(const torch::Tensor& moment_DD) {
  const auto [u, s, vh] = torch::linalg_svd(moment_DD, false);
  const torch::Tensor q = u.mm(vh);
  const bool moves = (q - torch::eye(q.size(0), torch::kFloat64)).abs().max().item<double>() > kNothingMoves;
  return {moves ? Transform::orthogonal(q) : Transform::identity(q.size(0)), s};
}

torch::Tensor eigen_angles(const Transform& transform) { return torch::angle(torch::linalg_eigvals(transform.dense())).abs(); }

}  // namespace symphony
