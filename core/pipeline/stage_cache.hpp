// Results of stages on disk, shared by everything that asks for the same key:
//
//   <root>/<stage>/<key>/            committed result: stage.json (identity, times, build), record.h5, and what the stage wrote
//   <root>/<stage>/<key>.lock        held (flock) by whoever computes it; the kernel frees it when the process dies
//   <root>/<stage>/<key>.partial/    the result in the making, emptied when a computation starts
//   <root>/<stage>/<key>.checkpoints/ what a killed stage resumes from; removed at commit
//
// A result appears by one atomic rename of a folder that was fsynced before, so a half-written one is never seen.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/pipeline/stage.hpp"

namespace symphony {

struct StageOutcome {
  std::filesystem::path directory;
  bool executed = false;        ///< false: the result was there
  double wall_seconds = 0.0;    ///< of the execution, whenever it happened
  double cpu_seconds = 0.0;
};

class StageCache {
 public:
  using Progress = std::function<void(const Stage&, double share, const std::string& detail)>;

  explicit StageCache(std::filesystem::path root);

  std::filesystem::path directory(const Stage& stage) const;
  bool committed(const Stage& stage) const { return is_committed(directory(stage)); }
  /// Whether a folder of the cache is a complete result.
  static bool is_committed(const std::filesystem::path& directory);
  /// The stage's result; computes it, and first whatever it needs, unless it is there. When another process computes it, waits.
  /// Throws what the stage throws, led by the stage's label; Interrupted passes through.
  StageOutcome ensure(const Stage& stage, const Progress& progress, const std::function<bool()>& stop_requested);
  /// Of a committed stage.
  StageOutcome outcome(const Stage& stage) const;
  /// Forgets a committed result, so that the next ensure computes it again.
  void forget(const std::string& name, const std::string& key);

 private:
  StageOutcome compute(const Stage& stage, const Progress& progress, const std::function<bool()>& stop_requested);

  std::filesystem::path root_;
};

}  // namespace symphony
