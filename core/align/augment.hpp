// The exact part of the assignment solver: from any column prices to an optimal assignment with optimal prices.
#pragma once

#include <cstdint>
#include <vector>

#include "core/align/assignment_work.hpp"
#include "core/align/cost_rows.hpp"

namespace symphony {

constexpr std::int64_t kUnassigned = -1;

struct Matching {
  std::vector<std::int64_t> column_of;  ///< by row
  std::vector<std::int64_t> row_of;     ///< by column

  explicit Matching(std::size_t size) : column_of(size, kUnassigned), row_of(size, kUnassigned) {}
  void assign(std::size_t row, std::size_t column) {
    column_of[row] = static_cast<std::int64_t>(column);
    row_of[column] = static_cast<std::int64_t>(row);
  }
};

struct TightEntries {
  Matching matching;
  double mean_slack = 0;  ///< by how much a row's entry is dearer than its cheapest
};
/// The entries `columns`, by row, that are within `tolerance` of their row's cheapest under `prices`; the other rows stay unassigned.
TightEntries tight_entries(const CostRows& costs, const std::vector<double>& prices, const std::vector<std::int64_t>& columns, double tolerance);

/// Completes `matching`, of tight entries, to an optimal assignment; `prices` become optimal duals v: with u_i = min_j (c_ij - v_j), every chosen
/// entry has c = u + v to rounding.
AssignmentWork complete_matching(const CostRows& costs, std::vector<double>& prices, Matching& matching);

/// Of all assignments that are optimal under `prices` (chosen entries within `tolerance` of c - v = u), the lexicographically smallest.
void make_lowest(const CostRows& costs, const std::vector<double>& prices, double tolerance, Matching& matching);

}  // namespace symphony
