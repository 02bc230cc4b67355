// Reads back what `runner table`, `diff` and `report` need from a run.h5. Opens the file once, holds no lock, reads only what is asked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log/evaluation_row.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

struct RunSummary {
  std::string run_id;
  std::string experiment;
  std::string variant;
  std::int64_t seed = 0;
  std::string status;
  std::string message;
};

class RunReader {
 public:
  /// Throws DataError when the file is no run of a known version.
  explicit RunReader(const std::filesystem::path& path);
  RunReader(RunReader&&) noexcept;
  ~RunReader();

  RunSummary summary() const;
  std::string config() const;
  std::vector<EvaluationRow> evaluation() const;
  std::vector<StageUse> stages() const;
  std::vector<PluginUse> plugins() const;
  /// A scalar such as "evaluation/step_0/tokens"; none when absent.
  std::optional<double> scalar(const std::string& path) const;
  /// What a stage noted in a group, such as "common_ancestry" in "alignment"; none when absent.
  std::optional<std::string> note(const std::string& group, const std::string& name) const;
  /// Paths of all datasets, sorted, for comparing two runs.
  std::vector<std::string> datasets() const;
  bool has(const std::string& path) const;
  /// A one-dimensional dataset of text, such as the labels of an axis.
  std::vector<std::string> labels(const std::string& path) const;
  /// A numeric dataset of any shape as float64, row-major.
  std::vector<double> values(const std::string& path) const;
  std::vector<std::size_t> shape(const std::string& path) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace symphony
