// The numbers of a sweep side by side: one row a variant of a block, its value at every point of its life, and its paired difference from the
// baseline. Pairs are the same seed (a t interval over seeds) or, with one seed, the same held-out windows (a t interval over windows; the spread
// over seeds is then unknown and said to be).
#pragma once

#include <optional>
#include <span>
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
  double half_width = 0.0;        ///< of the 95 % interval; NaN when it is unknown
  double p = 1.0;                 ///< of no difference, two-sided, by the test whose interval this is; not corrected; NaN when it is unknown
  std::size_t seeds = 0;          ///< > 1: t interval over seeds; 1: over windows
  std::vector<double> by_seed;
};

/// One metric of one row.
struct MetricCells {
  std::vector<std::optional<Statistic>> points;  ///< in the order of SweepTable::points
  std::optional<Statistic> out_of_distribution;  ///< at the last point; of in-domain averages only
  std::optional<PairedDifference> difference;    ///< at the last point, from the baseline of its block
};

struct VariantRow {
  std::string block, name;
  bool rival = false;                            ///< a source, the ensemble, the oracle: nothing was trained for it
  std::size_t seeds = 0;                         ///< finished runs
  std::vector<MetricCells> metrics;              ///< in the order of SweepTable::metrics
  std::string sources_of;                        ///< of a rival: the variant that merges this, where the block's first variant does not

  /// As a reader sees it; an experiment without variants has a model only.
  std::string full_name() const { return name.empty() ? "model" : sources_of.empty() ? name : name + " of " + sources_of; }
};

struct SweepTable {
  std::string experiment, baseline;
  std::vector<MetricChoice> metrics;
  std::vector<std::string> blocks, points;
  std::vector<std::int64_t> seeds;
  std::vector<VariantRow> rows;                    ///< by block; variants in the sweep's order, then rivals
};

struct TableRequest {
  std::vector<std::string> metrics;              ///< "bits_per_byte", "code/bits_per_byte"; none: the first that has a direction
  std::string baseline;                          ///< a variant; "": the plan's
};

/// Throws ConfigError for a metric that no run has and for a baseline that is no variant. No rows when no run is finished.
SweepTable make_table(const SweepRuns& sweep, const TableRequest& request = {});
/// The paired difference of two variants of one block at their last points; none when they share no finished seed.
std::optional<PairedDifference> difference_between(const SweepRuns& sweep, const MetricChoice& metric, const std::string& block,
                                                   const std::string& variant, const std::string& against);

/// What the numbers are: metrics, seeds, what +- means.
std::string table_caption(const SweepTable& table);

}  // namespace symphony
