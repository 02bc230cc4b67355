// The finished runs of a sweep, read once: their rows, and held-out windows for paired comparisons.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log/evaluation_row.hpp"
#include "core/score/average_tasks.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

/// A number that suites report: a metric of a task.
struct MetricChoice {
  std::string task, metric, suite;
  std::string better;                       ///< lower, higher, neither
  /// "bits_per_byte" for an average, "code/bits_per_byte" otherwise.
  std::string name() const;
};

struct FinishedRun {
  const SweepPoint* point = nullptr;      ///< of the plan
  std::filesystem::path file;
  std::vector<EvaluationRow> rows;

  /// The value of a row, if there is one.
  std::optional<double> value(const std::string& subject, const std::string& moment, const std::string& task, const std::string& metric) const;
  /// The points of the model's life, in order: "step_0", ...
  std::vector<std::string> moments() const;
};

struct SweepRuns {
  Plan plan;
  std::vector<FinishedRun> runs;          ///< in the plan's order
  std::vector<std::string> unfinished;    ///< "run id: state"

  /// Runs of a variant within a block, by seed.
  std::vector<const FinishedRun*> of(const std::string& block, const std::string& variant) const;
  std::vector<std::string> blocks() const;
  std::vector<std::string> variants(const std::string& block) const;
  /// What the suites measured of the models, in their order; what has a direction before what has none.
  std::vector<MetricChoice> metrics() const;
};

/// `folder` is results/<experiment>. Throws DataError when there is no plan in it. Valid as long as it is not copied or moved from.
std::unique_ptr<SweepRuns> read_sweep(const std::filesystem::path& folder);
/// The plan of a sweep's folder. Throws DataError when there is none.
Plan plan_of_sweep(const std::filesystem::path& folder);

}  // namespace symphony
