// The finished runs of a sweep, read once: their rows, and held-out windows for paired comparisons.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/log/evaluation_row.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

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
};

/// `folder` is results/<experiment>. Throws DataError when there is no plan in it. Valid as long as it is not copied or moved from.
std::unique_ptr<SweepRuns> read_sweep(const std::filesystem::path& folder);

/// Bits per byte of every in-domain held-out window of the model at `moment`, domain by domain: [domain][window].
std::vector<std::vector<double>> window_values(const FinishedRun& run, const std::string& moment);

}  // namespace symphony
