// The numbers of a sweep side by side: one row a variant, its value at every point of its life, and its paired difference from the baseline.
// Pairs are the same seed (a t interval over seeds) or, with one seed, the same held-out windows (a standard error over windows; the spread
// over seeds is then unknown and said to be).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/app/sweep_runs.hpp"

namespace symphony {

struct Statistic {
  double mean = 0.0;
  std::optional<double> spread;   ///< standard deviation over seeds; none with one seed
  std::size_t seeds = 0;
};

struct PairedDifference {
  double mean = 0.0;
  double half_width = 0.0;        ///< of the 95 % interval
  std::size_t seeds = 0;          ///< > 1: t interval over seeds; 1: normal interval over windows
  std::vector<double> by_seed;
};

struct TableRow {
  std::string block, name;
  bool rival = false;                          ///< a source, the ensemble, the oracle: nothing was trained for it
  std::vector<std::optional<Statistic>> points; ///< in the order of SweepTable::points: in-domain mean
  std::optional<Statistic> out_of_distribution; ///< at the last point
  std::optional<PairedDifference> difference;   ///< last point, from the baseline of its block
};

struct SweepTable {
  std::string experiment, metric, baseline;
  std::vector<std::string> blocks, points;
  std::vector<std::int64_t> seeds;
  std::vector<TableRow> rows;                  ///< by block; variants in the sweep's order, then rivals
  std::vector<std::string> unfinished;         ///< run ids that have no result (yet), with their state
};

/// `baseline` "" means the plan's.
SweepTable make_table(const SweepRuns& sweep, const std::string& metric, const std::string& baseline = "");
/// The paired difference of two variants of one block at their last points; none when they share no finished seed.
std::optional<PairedDifference> difference_between(const SweepRuns& sweep, const std::string& metric, const std::string& block,
                                                  const std::string& variant, const std::string& against);

/// What the numbers are: metric, seeds, what +- means.
std::string table_caption(const SweepTable& table);
/// "text", "markdown" or "csv".
std::string format_table(const SweepTable& table, const std::string& format);

}  // namespace symphony
