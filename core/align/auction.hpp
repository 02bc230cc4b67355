// The auction that prices the columns of an assignment problem: approximate, fast, and only a start for the exact solver.
#pragma once

#include <vector>

#include "core/align/assignment_work.hpp"
#include "core/align/cost_rows.hpp"

namespace symphony {

struct Auctioned {
  std::vector<double> prices;
  AssignmentWork work;
};

/// Column prices v (the dual that is subtracted from costs) under which most rows have their optimal column among their cheapest. Any prices
/// are a valid start for the exact solver, so the auction may stop early. `spread` is max - min of the costs, > 0. From `start`, prices of a
/// similar problem, only the last phases are run; empty, all. Deterministic.
Auctioned auction_prices(const CostRows& costs, double spread, const std::vector<double>& start = {});

}  // namespace symphony
