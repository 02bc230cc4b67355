// The exact part of the assignment solver: from any column prices to an optimal assignment with optimal prices.
#pragma once

#include <cstdint>
#include <vector>

#include "core/align/cost_rows.hpp"

namespace symphony {

constexpr std::int64_t kUnassigned = -1;

struct Matching {
  std::vector<std::int64_t> column_of;  ///< by row
  std::vector<std::int64_t> row_of;     ///< by column
};

/// An optimal assignment; `prices` become optimal duals v: with u_i = min_j (c_ij - v_j), every chosen entry has c = u + v to rounding.
Matching solve_from_prices(const CostRows& costs, std::vector<double>& prices);

/// Of all assignments that are optimal under `prices` (chosen entries within `tolerance` of c - v = u), the lexicographically smallest.
void make_lowest(const CostRows& costs, const std::vector<double>& prices, double tolerance, Matching& matching);

}  // namespace symphony
