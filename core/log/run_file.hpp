// run.h5: everything one run has to say, in one file with one writer. Flushed at every commit point; between two flushes nothing
// on disk changes that a reader could see, so the file opens after kill -9 with what the last flush left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log/evaluation_row.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

struct RunInfo {
  std::string run_id;
  std::string experiment;
  std::string variant;
  std::int64_t seed = 0;
  std::string config;       ///< the resolved YAML
  std::string config_hash;
  std::vector<std::pair<std::string, std::string>> origins;  ///< key path, "file:line:column" or "command line"
  Provenance provenance;
};

/// One writer, one thread.
class RunFile {
 public:
  /// Creates or replaces the file with status "running", and commits.
  static RunFile create(const std::filesystem::path& path, const RunInfo& info);
  /// Opens an existing run to go on; sets its status back to "running". Throws DataError for another schema or version.
  static RunFile append(const std::filesystem::path& path);

  RunFile(RunFile&&) noexcept;
  RunFile& operator=(RunFile&&) noexcept;
  ~RunFile();

  /// Copies a stage's record into `group` ("evaluation/step_0"), which must not exist; its evaluation rows are left out.
  void absorb(const std::filesystem::path& record, const std::string& group);
  void add_evaluation(std::span<const EvaluationRow> rows);
  void add_stage(const StageUse& stage);
  void add_plugin(const PluginUse& plugin);
  /// Commit point.
  void flush();
  /// Sets the status ("finished", "failed", "interrupted"), the end time and a message, and commits.
  void finish(std::string_view status, std::string_view message = "");

 private:
  struct State;
  explicit RunFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace symphony
