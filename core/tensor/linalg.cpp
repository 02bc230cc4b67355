// Ridge regression from its normal equations: with rows x_t of features and y_t of targets, minimising
//   sum_t |x_t W - y_t|^2 + lambda |W|^2
// gives (G + lambda I) W = C with G = sum_t x_t^T x_t and C = sum_t x_t^T y_t (Hoerl and Kennard 1970, "Ridge regression", eq. 2.1).
#include "core/tensor/linalg.hpp"

#include <tuple>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

torch::Tensor solve_ridge(const torch::Tensor& gram_DD, const torch::Tensor& moments_DM, double ridge, std::string_view where) {
  if (gram_DD.dim() != 2 || gram_DD.size(0) != gram_DD.size(1) || moments_DM.dim() != 2 || moments_DM.size(0) != gram_DD.size(0))
    fail<DataError>(where, "the Gram matrix has shape {} and the moments {}, expected [D, D] and [D, M]", shape_text(gram_DD.sizes().vec()),
                    shape_text(moments_DM.sizes().vec()));
  if (!(ridge > 0)) fail<DataError>(where, "the ridge is {}, expected a positive number", ridge);
  torch::Tensor regular_DD = gram_DD.to(torch::kFloat64).clone();
  const torch::Tensor moments = moments_DM.to(torch::kFloat64);
  if (!torch::isfinite(regular_DD).all().item<bool>() || !torch::isfinite(moments).all().item<bool>())
    fail<NumericError>(where, "the Gram matrix or the moments hold values that are not finite");
  regular_DD.diagonal().add_(ridge * regular_DD.diagonal().mean().item<double>());
  const auto [lower_DD, info] = at::linalg_cholesky_ex(regular_DD);
  if (info.item<int>() != 0)
    fail<NumericError>(where, "the Gram matrix is not positive definite with ridge {} (minor {} fails); raise the ridge", ridge, info.item<int>());
  return at::cholesky_solve(moments, lower_DD);
}

}  // namespace symphony
