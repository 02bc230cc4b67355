// Ties. All optimal assignments are the perfect matchings of the tight graph: entries with c_ij = u_i + v_j under any optimal duals. An
// assignment can be changed along a cycle of that graph only, so rows that lie on none (strong components of one row, by Tarjan's algorithm)
// keep their column; among the others each row in turn takes the lowest column for which the rows after it can still be completed. A unique
// optimum, the usual case with real-valued costs, costs one pass over the rows that have more than one tight entry.
#include <algorithm>
#include <limits>

#include "core/align/augment.hpp"

namespace symphony {

namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

class TightGraph {
 public:
  TightGraph(const CostRows& costs, const std::vector<double>& prices, double tolerance, Matching& matching)
      : costs_(costs), prices_(prices), matching_(matching), limit_(costs.size), several_(costs.size) {
    for (std::size_t row = 0; row < costs.size; ++row) {
      const RowBest found = row_passes().best_two(costs.row(row), prices.data(), costs.sign, costs.size);
      limit_[row] = found.best + tolerance;
      several_[row] = found.second <= limit_[row];
    }
  }

  std::size_t size() const { return costs_.size; }
  bool is_tight(std::size_t row, std::size_t column) const { return costs_.cost(row, column) - prices_[column] <= limit_[row]; }
  /// The first tight column of `row` at or after `from`, other than its own; kNone when there is none before `end`.
  std::size_t next(std::size_t row, std::size_t from, std::size_t end) const {
    if (!several_[row]) return kNone;
    const float* costs = costs_.row(row);
    for (std::size_t column = from; column < end; ++column)
      if (static_cast<double>(costs[column] * costs_.sign) - prices_[column] <= limit_[row] && column != own(row)) return column;
    return kNone;
  }
  std::size_t own(std::size_t row) const { return static_cast<std::size_t>(matching_.column_of[row]); }
  std::size_t holder(std::size_t column) const { return static_cast<std::size_t>(matching_.row_of[column]); }
  void give(std::size_t row, std::size_t column) { matching_.assign(row, column); }

 private:
  const CostRows& costs_;
  const std::vector<double>& prices_;
  Matching& matching_;
  std::vector<double> limit_;
  std::vector<bool> several_;
};

/// Tarjan's strong components of "row -> holder of one of its tight columns", without recursion; the component of every row.
std::vector<std::size_t> strong_components(const TightGraph& graph) {
  struct Visit {
    std::size_t row, column;
  };
  const std::size_t n = graph.size();
  std::vector<std::size_t> index(n, kNone), low(n, 0), component(n, kNone), stack;
  std::vector<Visit> visits;
  std::size_t count = 0, components = 0;
  const auto enter = [&](std::size_t row) {
    index[row] = low[row] = count++;
    stack.push_back(row);
    visits.push_back({row, 0});
  };
  for (std::size_t root = 0; root < n; ++root) {
    if (index[root] != kNone) continue;
    enter(root);
    while (!visits.empty()) {
      const std::size_t row = visits.back().row, column = graph.next(row, visits.back().column, n);
      if (column != kNone) {
        visits.back().column = column + 1;
        const std::size_t other = graph.holder(column);
        if (index[other] == kNone) enter(other);
        else if (component[other] == kNone) low[row] = std::min(low[row], index[other]);
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().row] = std::min(low[visits.back().row], low[row]);
      if (low[row] != index[row]) continue;
      for (std::size_t member = kNone; member != row;) {
        member = stack.back();
        stack.pop_back();
        component[member] = components;
      }
      ++components;
    }
  }
  return component;
}

/// Frees low columns for rows in ascending order.
class Lowering {
 public:
  Lowering(TightGraph& graph, std::vector<std::size_t> component)
      : graph_(graph), component_(std::move(component)), members_(graph.size(), 0), seen_(graph.size(), kNone) {
    for (const std::size_t id : component_) ++members_[id];
  }

  void run() {
    for (std::size_t row = 0; row < graph_.size(); ++row) {
      if (members_[component_[row]] == 1) continue;
      for (std::size_t column = graph_.next(row, 0, graph_.own(row)); column != kNone; column = graph_.next(row, column + 1, graph_.own(row)))
        if (may_move(graph_.holder(column), row) && seen_[graph_.holder(column)] != row && take(row, column)) break;
    }
  }

 private:
  bool may_move(std::size_t other, std::size_t row) const { return other > row && component_[other] == component_[row]; }

  /// Gives `column` to `row` if its holder can be rehoused, in the end in the column that `row` leaves. Depth first; rows that were found to
  /// lead nowhere for this row are not tried again.
  bool take(std::size_t row, std::size_t column) {
    const std::size_t target = graph_.own(row);
    struct Step {
      std::size_t row, taken, next;
    };
    std::vector<Step> path{{graph_.holder(column), column, 0}};
    seen_[path.back().row] = row;
    while (!path.empty()) {
      Step& step = path.back();
      if (graph_.is_tight(step.row, target)) {
        rotate(row, target, path);
        return true;
      }
      const std::size_t free = graph_.next(step.row, step.next, graph_.size());
      if (free == kNone) {
        path.pop_back();
        continue;
      }
      step.next = free + 1;
      const std::size_t other = graph_.holder(free);
      if (!may_move(other, row) || seen_[other] == row) continue;
      seen_[other] = row;
      path.push_back({other, free, 0});
    }
    return false;
  }

  template <typename Path>
  void rotate(std::size_t row, std::size_t target, const Path& path) {
    std::size_t vacated = target;
    for (std::size_t step = path.size(); step-- > 0;) {
      graph_.give(path[step].row, vacated);
      vacated = path[step].taken;
    }
    graph_.give(row, vacated);
  }

  TightGraph& graph_;
  std::vector<std::size_t> component_, members_, seen_;
};

}  // namespace

void make_lowest(const CostRows& costs, const std::vector<double>& prices, double tolerance, Matching& matching) {
  const bool identity = std::equal(matching.column_of.begin(), matching.column_of.end(), matching.row_of.begin()) &&
                        std::is_sorted(matching.column_of.begin(), matching.column_of.end());
  if (identity) return;  // nothing is lower
  TightGraph graph(costs, prices, tolerance, matching);
  Lowering(graph, strong_components(graph)).run();
}

}  // namespace symphony
