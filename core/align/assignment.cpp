// Checks, the order of the steps, and the certificate.
#include "core/align/assignment.hpp"

#include <algorithm>
#include <cmath>

#include "core/align/auction.hpp"
#include "core/align/augment.hpp"
#include "core/align/cost_rows.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

// Below this size the paths alone are as fast as an auction before them.
constexpr std::size_t kAuctionFrom = 256;
constexpr double kGapTolerance = 1e-10;      // times n max|c|
constexpr double kTightTolerance = 1e-12;    // times max|c|: two assignments that differ by less are tied
constexpr double kRoundingTolerance = 2e-15; // times max|c|: what a sum of prices may be off by
// Of the spread of the costs: a start whose entries are on average dearer than their row's cheapest by more is of another problem, and an auction
// from its prices takes longer than one from nothing.
constexpr double kFarStart = 0.03;

struct Extent {
  float low = 0, high = 0;
  double magnitude() const { return std::max(std::abs(static_cast<double>(low)), std::abs(static_cast<double>(high))); }
};

torch::Tensor checked(const torch::Tensor& costs) {
  if (costs.dim() != 2 || costs.size(0) != costs.size(1))
    fail<NumericError>("assignment", "costs have shape {}, expected a square matrix", shape_text(costs.sizes().vec()));
  if (costs.size(0) > (std::int64_t{1} << 31)) fail<NumericError>("assignment", "{} rows, at most 2^31 are supported", costs.size(0));
  return costs.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

Extent checked_extent(const float* data, std::size_t size) {
  Extent extent{data[0], data[0]};
  for (std::size_t row = 0; row < size; ++row) {
    const float* costs = data + row * size;
    const RowExtent found = row_passes().extent(costs, size);
    if (!found.finite) {
      const float* wrong = std::find_if_not(costs, costs + size, [](float cost) { return std::isfinite(cost); });
      fail<NumericError>("assignment", "entry [{}, {}] is {}, expected finite costs", row, wrong - costs, *wrong);
    }
    extent.low = std::min(extent.low, found.low);
    extent.high = std::max(extent.high, found.high);
  }
  return extent;
}

/// Sum of the reduced costs of the chosen entries: primal minus dual without subtracting two large sums.
double certify(const CostRows& costs, const std::vector<double>& prices, const Matching& matching) {
  double gap = 0;
  for (std::size_t row = 0; row < costs.size; ++row) {
    const auto column = static_cast<std::size_t>(matching.column_of[row]);
    gap += costs.cost(row, column) - prices[column] - row_passes().best_two(costs.row(row), prices.data(), costs.sign, costs.size).best;
  }
  return gap;
}

void check_start(const AssignmentStart& start, std::size_t size) {
  if (!start.prices.empty() && start.prices.size() != size) fail<NumericError>("assignment", "got {} prices for {} columns", start.prices.size(), size);
  if (!std::all_of(start.prices.begin(), start.prices.end(), [](double price) { return std::isfinite(static_cast<float>(price)); }))
    fail<NumericError>("assignment", "a price to start from is no finite float32 number");
  if (start.columns.empty()) return;
  if (start.prices.empty() || start.columns.size() != size)
    fail<NumericError>("assignment", "a start of {} columns and {} prices, expected {} of both", start.columns.size(), start.prices.size(), size);
  for (const std::int64_t column : start.columns)
    if (column < 0 || column >= static_cast<std::int64_t>(size)) fail<NumericError>("assignment", "a start with column {} of {}", column, size);
}

/// The matching and, in `result`, the prices and the work.
Matching solve_exactly(const CostRows& costs, const AssignmentStart& start, const Extent& extent, Assignment& result) {
  const double spread = static_cast<double>(extent.high) - extent.low;
  result.prices = start.prices;
  Matching matching(costs.size);
  bool begins_afresh = true;
  if (!start.columns.empty()) {
    TightEntries kept = tight_entries(costs, start.prices, start.columns, kRoundingTolerance * extent.magnitude());
    result.work.rows_read += static_cast<std::int64_t>(costs.size);
    const auto lost = static_cast<std::size_t>(std::count(kept.matching.column_of.begin(), kept.matching.column_of.end(), kUnassigned));
    begins_afresh = 8 * lost > costs.size;
    if (!begins_afresh) matching = std::move(kept.matching);
    else if (kept.mean_slack > kFarStart * spread) result.prices.clear();
  }
  if (begins_afresh && costs.size >= kAuctionFrom && spread > 0) {
    Auctioned auctioned = auction_prices(costs, spread, result.prices);
    result.prices = std::move(auctioned.prices);
    result.work += auctioned.work;
  }
  result.prices.resize(costs.size, 0.0);
  result.work += complete_matching(costs, result.prices, matching);
  return matching;
}

}  // namespace

Assignment solve_assignment(const torch::Tensor& costs_nn, const AssignmentOptions& options) {
  const torch::Tensor held = checked(costs_nn);
  const CostRows costs{held.data_ptr<float>(), static_cast<std::size_t>(held.size(0)), options.maximise ? -1.0f : 1.0f};
  Assignment result;
  if (costs.size == 0) return result;
  const Extent extent = checked_extent(costs.data, costs.size);
  check_start(options.start, costs.size);
  Matching matching = solve_exactly(costs, options.start, extent, result);
  make_lowest(costs, result.prices, kTightTolerance * extent.magnitude(), matching);
  result.gap = certify(costs, result.prices, matching);
  const double allowed = kGapTolerance * static_cast<double>(costs.size) * extent.magnitude();
  if (!(std::abs(result.gap) <= allowed))
    fail<NumericError>("assignment", "the dual gap is {:.3g}, expected 0 within {:.3g}: the assignment is not proved optimal", result.gap, allowed);
  for (std::size_t row = 0; row < costs.size; ++row)
    result.objective += static_cast<double>(costs.row(row)[static_cast<std::size_t>(matching.column_of[row])]);
  result.columns = std::move(matching.column_of);
  return result;
}

}  // namespace symphony
