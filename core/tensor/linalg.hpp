// Dense linear algebra in float64 for what the methods solve; LibTorch's LAPACK routines behind checks and our errors.
#pragma once

#include <string_view>

#include <torch/types.h>

namespace symphony {

/// X [D, M] of (gram_DD + ridge * mean(diag gram) * I) X = moments_DM, by Cholesky in float64: the solution of ridge regression whose
/// penalty does not depend on the scale of the features. gram_DD symmetric positive semi-definite (its lower triangle is read), ridge > 0,
/// relative. Throws DataError on shapes that do not fit, NumericError led by `where` when the matrix is not finite or not positive definite.
torch::Tensor solve_ridge(const torch::Tensor& gram_DD, const torch::Tensor& moments_DM, double ridge, std::string_view where);

}  // namespace symphony
