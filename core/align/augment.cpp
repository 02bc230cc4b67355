// Augmenting row reduction and shortest augmenting paths (Jonker and Volgenant 1987). Reduced costs c_ij - v_j - u_i stay >= 0 with
// u_i = min_j (c_ij - v_j) never stored; assigned entries have reduced cost 0.
#include "core/align/augment.hpp"

#include <limits>

namespace symphony {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kReductionPasses = 2;

class Augmenter {
 public:
  Augmenter(const CostRows& costs, std::vector<double>& prices, Matching& matching)
      : costs_(costs), size_(costs.size), prices_(prices), matching_(matching), distance_(size_), reach_(size_), open_prices_(size_), origin_(size_) {}

  AssignmentWork run() {
    std::vector<std::size_t> free;
    for (std::size_t row = 0; row < size_; ++row)
      if (matching_.column_of[row] == kUnassigned) free.push_back(row);
    for (int pass = 0; pass < kReductionPasses; ++pass) free = reduce(free);
    for (std::size_t column = 0; column < size_; ++column)
      if (matching_.row_of[column] == kUnassigned) free_columns_.push_back(column);
    for (const std::size_t row : free) augment(row);
    return work_;
  }

 private:
  /// Each row takes its cheapest column and lowers the price until its second best is as good; the row it displaces continues at once while
  /// the price strictly falls, which is what keeps rounding from cycling, else waits for the next pass.
  std::vector<std::size_t> reduce(const std::vector<std::size_t>& rows) {
    std::vector<std::size_t> left;
    std::size_t budget = 4 * size_;  // chains are short after an auction; without one a long price war is left to the paths
    for (const std::size_t first : rows) {
      std::size_t row = first;
      while (true) {
        ++work_.rows_read;
        const RowBest found = row_passes().best_two(costs_.row(row), prices_.data(), costs_.sign, size_);
        const std::int64_t holder = matching_.row_of[found.column];
        const double lowered = prices_[found.column] - (found.second - found.best);
        const bool falls = lowered < prices_[found.column] && lowered > -kInfinity;
        if (holder != kUnassigned && (!falls || budget == 0)) {
          left.push_back(row);
          break;
        }
        if (falls) prices_[found.column] = lowered;
        matching_.assign(row, found.column);
        if (holder == kUnassigned) break;
        matching_.column_of[static_cast<std::size_t>(holder)] = kUnassigned;
        row = static_cast<std::size_t>(holder);
        --budget;
      }
    }
    return left;
  }

  /// Dijkstra from a free row to the nearest free column, then the prices of the columns passed, then the assignment along the path.
  void augment(std::size_t start) {
    ++work_.augmentations;
    distance_.assign(size_, kInfinity);
    open_prices_ = prices_;
    closed_.clear();
    std::size_t row = start;
    double shift = costs_.cost(start, 0) - prices_[0];  // any constant: distances are measured from it
    double nearest_distance = 0;
    std::size_t end = size_;
    while (end == size_) {
      ++work_.rows_read;
      const RowBest nearest = row_passes().relax(costs_.row(row), open_prices_.data(), costs_.sign, shift, static_cast<std::int64_t>(row), size_,
                                                 distance_.data(), origin_.data());
      nearest_distance = nearest.best;
      end = free_column_at(nearest_distance);
      if (end != size_) break;
      const std::size_t column = nearest.column;
      closed_.push_back(column);
      reach_[column] = nearest_distance;
      distance_[column] = kInfinity;        // closed: relax leaves it alone
      open_prices_[column] = -kInfinity;
      row = static_cast<std::size_t>(matching_.row_of[column]);
      shift = costs_.cost(row, column) - prices_[column] - nearest_distance;
    }
    for (const std::size_t column : closed_) prices_[column] += reach_[column] - nearest_distance;
    std::erase(free_columns_, end);
    follow_back(start, end);
  }

  /// A free column is preferred to any other at the same distance: the path ends there.
  std::size_t free_column_at(double nearest) const {
    for (const std::size_t column : free_columns_)
      if (distance_[column] <= nearest) return column;
    return size_;
  }

  void follow_back(std::size_t start, std::size_t column) {
    while (true) {
      const auto row = static_cast<std::size_t>(origin_[column]);
      const std::int64_t before = matching_.column_of[row];
      matching_.assign(row, column);
      if (row == start) return;
      column = static_cast<std::size_t>(before);
    }
  }

  const CostRows& costs_;
  std::size_t size_;
  std::vector<double>& prices_;
  Matching& matching_;
  std::vector<std::size_t> free_columns_, closed_;
  std::vector<double> distance_, reach_, open_prices_;
  std::vector<std::int64_t> origin_;
  AssignmentWork work_;
};

}  // namespace

TightEntries tight_entries(const CostRows& costs, const std::vector<double>& prices, const std::vector<std::int64_t>& columns, double tolerance) {
  TightEntries kept{Matching(costs.size)};
  for (std::size_t row = 0; row < costs.size; ++row) {
    const auto column = static_cast<std::size_t>(columns[row]);
    const double cheapest = row_passes().best_two(costs.row(row), prices.data(), costs.sign, costs.size).best;
    const double slack = costs.cost(row, column) - prices[column] - cheapest;
    kept.mean_slack += slack / static_cast<double>(costs.size);
    if (slack <= tolerance && kept.matching.row_of[column] == kUnassigned) kept.matching.assign(row, column);
  }
  return kept;
}

AssignmentWork complete_matching(const CostRows& costs, std::vector<double>& prices, Matching& matching) {
  return Augmenter(costs, prices, matching).run();
}

}  // namespace symphony
