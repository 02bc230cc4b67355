// Gauss-Seidel forward auction with epsilon scaling (Bertsekas 1988). A row without a column bids for its cheapest one, j1, and lowers its
// price v[j1] by (second best - best) + epsilon, so that it is at most epsilon from being indifferent; whoever held j1 must bid again. Epsilon
// shrinks from phase to phase; the prices stay, the assignment starts afresh.
//
// Prices only fall, so reduced costs c - v only grow: what was not among the cheapest of a row when it was last read from memory still
// costs at least as much. Each row therefore keeps its k cheapest columns with that bound, and its matrix row is read again only when its
// second-best known column has risen above the bound. This saves most passes over the matrix.
#include "core/align/auction.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace symphony {

namespace {

// Epsilon as a share of the spread of the costs (methods-alignment 10: 0.05 down to 1e-4 by 0.2 on costs of spread about 1).
constexpr double kFirstEpsilon = 0.02, kLastEpsilon = 2e-5, kEpsilonFactor = 0.2;
// Two phases: with one, prices of a problem that is no longer similar take longer than a start from nothing.
constexpr double kFirstEpsilonFromPrices = 1.6e-4;
constexpr std::size_t kKnownColumns = 32;
// A phase that needs more bids than this many a row has met massive ties: the exact solver is faster on those than a price war.
constexpr std::size_t kBidsPerRow = 60;
constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

class Auction {
 public:
  Auction(const CostRows& costs, const std::vector<double>& start)
      : costs_(costs), prices_(start.begin(), start.end()), known_(costs.size), minima_((costs.size + kBlockColumns - 1) / kBlockColumns) {
    prices_.resize(costs.size, 0.0f);
  }

  void run_phase(float epsilon) {
    std::vector<std::size_t> owner(costs_.size, kNobody), waiting(costs_.size);
    for (std::size_t row = 0; row < costs_.size; ++row) waiting[row] = costs_.size - 1 - row;
    for (std::size_t bids = kBidsPerRow * costs_.size; !waiting.empty() && bids > 0; --bids) {
      const std::size_t row = waiting.back();
      waiting.pop_back();
      const Bid bid = bid_of(row);
      ++work_.bids;
      prices_[bid.column] -= bid.margin + epsilon;
      if (owner[bid.column] != kNobody) waiting.push_back(owner[bid.column]);
      owner[bid.column] = row;
    }
  }

  Auctioned result() const { return {{prices_.begin(), prices_.end()}, work_}; }

 private:
  struct Bid {
    std::size_t column;
    float margin;
  };
  struct Known {
    std::vector<std::uint32_t> columns;
    std::vector<float> costs;
    float bound = -std::numeric_limits<float>::infinity();  // no other column costs less than this, prices included
  };

  Bid bid_of(std::size_t row) {
    const Known& known = known_[row];
    for (bool fresh = false;; fresh = true) {
      float best = std::numeric_limits<float>::infinity(), second = best;
      std::size_t column = 0;
      for (std::size_t entry = 0; entry < known.columns.size(); ++entry) {
        const float value = known.costs[entry] - prices_[known.columns[entry]];
        if (value < best) second = best, best = value, column = known.columns[entry];
        else if (value < second) second = value;
      }
      if (second <= known.bound || (fresh && known.columns.size() > 1)) return {column, second - best};
      read(row);
    }
  }

  /// Finds the cheapest columns of a row by the minima of its blocks: the k-th smallest minimum bounds at least k entries from above.
  void read(std::size_t row) {
    ++work_.rows_read;
    row_passes().block_minima(costs_.row(row), prices_.data(), costs_.sign, costs_.size, minima_.data());
    scratch_ = minima_;
    const std::size_t wanted = std::min(kKnownColumns, std::max<std::size_t>(1, minima_.size() / 2));
    const auto nth = scratch_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
    std::nth_element(scratch_.begin(), nth, scratch_.end());
    const float bound = *nth;
    found_.clear();
    const float* costs = costs_.row(row);
    for (std::size_t block = 0; block < minima_.size(); ++block) {
      if (minima_[block] > bound) continue;
      const std::size_t end = std::min(costs_.size, (block + 1) * kBlockColumns);
      for (std::size_t column = block * kBlockColumns; column < end; ++column) {
        const float value = costs[column] * costs_.sign - prices_[column];
        if (value <= bound) found_.push_back({value, static_cast<std::uint32_t>(column)});
      }
    }
    keep(row, bound);
  }

  /// Remembers at most 2 k of the columns found; with massive ties there can be many more.
  void keep(std::size_t row, float bound) {
    constexpr std::size_t kMost = 2 * kKnownColumns;
    if (found_.size() > kMost) {
      std::nth_element(found_.begin(), found_.begin() + (kMost - 1), found_.end());
      found_.resize(kMost);
      bound = found_[kMost - 1].first;
      std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    }
    Known& known = known_[row];
    known.bound = bound;
    known.columns.clear();
    known.costs.clear();
    for (const auto& [value, column] : found_) {
      known.columns.push_back(column);
      known.costs.push_back(costs_.row(row)[column] * costs_.sign);
    }
  }

  const CostRows& costs_;
  std::vector<float> prices_;
  std::vector<Known> known_;
  std::vector<float> minima_, scratch_;
  std::vector<std::pair<float, std::uint32_t>> found_;
  AssignmentWork work_;
};

}  // namespace

Auctioned auction_prices(const CostRows& costs, double spread, const std::vector<double>& start) {
  Auction auction(costs, start);
  for (double epsilon = start.empty() ? kFirstEpsilon : kFirstEpsilonFromPrices; epsilon > kLastEpsilon; epsilon *= kEpsilonFactor)
    auction.run_phase(static_cast<float>(epsilon * spread));
  return auction.result();
}

}  // namespace symphony
