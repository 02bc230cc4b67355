// A square cost matrix as the assignment solvers see it, and the passes over one of its rows that they spend their time in. The passes exist
// for three vector widths, chosen at run time; all give the same bits, since they only subtract and compare.
#pragma once

#include <cstddef>
#include <cstdint>

namespace symphony {

/// Entry (row, column) costs sign * data[row * size + column].
struct CostRows {
  const float* data = nullptr;
  std::size_t size = 0;
  float sign = 1;

  const float* row(std::size_t index) const { return data + index * size; }
  double cost(std::size_t row_idx, std::size_t column) const { return static_cast<double>(sign * row(row_idx)[column]); }
};

/// The two smallest entries of a row; `column` is the lowest that holds the smallest. `second` is infinite in a row of one.
struct RowBest {
  double best = 0, second = 0;
  std::size_t column = 0;
};

/// The smallest and the largest entry; neither means anything unless every entry is finite.
struct RowExtent {
  float low = 0, high = 0;
  bool finite = true;
};

constexpr std::size_t kBlockColumns = 32;

struct RowPasses {
  RowExtent (*extent)(const float* costs, std::size_t size);
  /// minima[b] = min over block b of kBlockColumns columns (the last may be shorter) of sign * costs[j] - prices[j].
  void (*block_minima)(const float* costs, const float* prices, float sign, std::size_t size, float* minima);
  /// Of sign * costs[j] - prices[j], in float64.
  RowBest (*best_two)(const float* costs, const double* prices, float sign, std::size_t size);
  /// One relaxation of Dijkstra's algorithm: d = sign * costs[j] - prices[j] - shift; where d < distance[j], distance[j] = d and
  /// origin[j] = row. Returns the smallest distance and its lowest column. A column with price -inf and distance +inf is never touched.
  RowBest (*relax)(const float* costs, const double* prices, float sign, double shift, std::int64_t row, std::size_t size, double* distance,
                   std::int64_t* origin);
};

/// The widest passes that this processor has.
const RowPasses& row_passes();

}  // namespace symphony
