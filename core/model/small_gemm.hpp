// Products of small row-major matrices inside a fused kernel, where a call of BLAS would cost more than the product: C = A B or C += A B with
// A read through two strides (so that its transpose needs no copy), B and C padded to a multiple of kLanes columns.
#pragma once

#include "core/model/vector_math.hpp"

namespace symphony {

/// R rows and V * kLanes columns of C, kept in registers over the whole sum.
template <int R, int V>
SYMPHONY_INLINE void gemm_tile(const float* a, std::int64_t a_row, std::int64_t a_step, const float* b, std::int64_t b_row, float* c, std::int64_t c_row,
                               std::int64_t depth, bool add) {
  Lanes total[R][V];
#pragma GCC unroll 8
  for (int row = 0; row < R; ++row)
#pragma GCC unroll 4
    for (int column = 0; column < V; ++column) total[row][column] = add ? load(c + row * c_row + column * kLanes) : Lanes{};
  for (std::int64_t step = 0; step < depth; ++step) {
    Lanes from_b[V];
#pragma GCC unroll 4
    for (int column = 0; column < V; ++column) from_b[column] = load(b + step * b_row + column * kLanes);
#pragma GCC unroll 8
    for (int row = 0; row < R; ++row) {
      const Lanes from_a = splat(a[row * a_row + step * a_step]);
#pragma GCC unroll 4
      for (int column = 0; column < V; ++column) total[row][column] += from_a * from_b[column];
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < R; ++row)
#pragma GCC unroll 4
    for (int column = 0; column < V; ++column) store(c + row * c_row + column * kLanes, total[row][column]);
}

template <int R>
SYMPHONY_INLINE void gemm_rows(const float* a, std::int64_t a_row, std::int64_t a_step, const float* b, std::int64_t b_row, float* c, std::int64_t c_row,
                               std::int64_t columns, std::int64_t depth, bool add) {
  std::int64_t column = 0;
  for (; column + 2 * kLanes <= columns; column += 2 * kLanes) gemm_tile<R, 2>(a, a_row, a_step, b + column, b_row, c + column, c_row, depth, add);
  if (column < columns) gemm_tile<R, 1>(a, a_row, a_step, b + column, b_row, c + column, c_row, depth, add);
}

/// C [rows, columns] (+)= A [rows, depth] B [depth, columns]; A's entry (i, k) is a[i * a_row + k * a_step]; columns % kLanes == 0.
SYMPHONY_INLINE void small_gemm(const float* a, std::int64_t a_row, std::int64_t a_step, const float* b, std::int64_t b_row, float* c, std::int64_t c_row,
                                std::int64_t rows, std::int64_t columns, std::int64_t depth, bool add) {
  std::int64_t row = 0;
  for (; row + 8 <= rows; row += 8) gemm_rows<8>(a + row * a_row, a_row, a_step, b, b_row, c + row * c_row, c_row, columns, depth, add);
  for (; row < rows; ++row) gemm_rows<1>(a + row * a_row, a_row, a_step, b, b_row, c + row * c_row, c_row, columns, depth, add);
}

}  // namespace symphony
