// Telling what is used from what is not.
#include "core/sweep/prune.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/log/run_reader.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr auto kTemporaryAge = std::chrono::hours(1);   ///< nobody writes a small file for longer

std::uint64_t size_of(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::file_size(path);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

std::vector<fs::path> sorted_children(const fs::path& folder) {
  std::vector<fs::path> children;
  if (!fs::is_directory(folder)) return children;
  for (const auto& entry : fs::directory_iterator(folder)) children.push_back(entry.path());
  std::sort(children.begin(), children.end());
  return children;
}

class Finder {
 public:
  Finder(fs::path results, bool unlisted_runs) : results_(std::move(results)), unlisted_runs_(unlisted_runs) {}

  std::vector<Removal> find() {
    if (!fs::is_directory(results_ / ".cache")) fail<DataError>(results_.string(), "holds no .cache, expected a folder of results such as 'results'");
    for (const fs::path& folder : sorted_children(results_))
      if (fs::exists(folder / "plan.json")) visit_experiment(folder);
    for (const fs::path& kind : sorted_children(results_ / ".cache")) visit_kind(kind);
    return std::move(found_);
  }

 private:
  void add(Removal::Kind kind, const fs::path& path, std::string why) { found_.push_back({kind, path, size_of(path), std::move(why)}); }

  void visit_experiment(const fs::path& folder) {
    const Plan plan = read_plan(folder / "plan.json");
    for (const PlanStage& stage : plan.stages) used_.insert(stage.id());
    std::set<std::string> runs, items;
    for (const SweepPoint& point : plan.points) runs.insert(point.run_id);
    for (const PlanItem& item : plan.items) items.insert(plan.item_id(item));
    for (const fs::path& entry : sorted_children(folder)) {
      if (fs::exists(entry / "status.json") && !runs.contains(entry.filename().string())) visit_unlisted(entry);
      add_if_temporary(entry);
      if (fs::is_directory(entry))
        for (const fs::path& file : sorted_children(entry)) add_if_temporary(file);
    }
    for (const fs::path& job : sorted_children(folder / ".jobs"))
      if (!items.contains(job.filename().string())) add(Removal::Kind::leftover, job, "report of a job that is not in the plan");
  }

  void visit_unlisted(const fs::path& run) {
    if (unlisted_runs_) return add(Removal::Kind::run, run, "run that is not in the plan");
    if (!fs::exists(run / "run.h5")) return;
    for (const StageUse& stage : RunReader(run / "run.h5").stages()) used_.insert(stage.name + "/" + stage.key);
  }

  void add_if_temporary(const fs::path& file) {
    if (!fs::is_regular_file(file) || file.filename().string().find(".tmp-") == std::string::npos) return;
    if (fs::file_time_type::clock::now() - fs::last_write_time(file) > kTemporaryAge) add(Removal::Kind::leftover, file, "half-written file");
  }

  /// <key>, <key>.lock, <key>.partial, <key>.checkpoints, <key>.forgotten
  void visit_kind(const fs::path& kind) {
    for (const fs::path& entry : sorted_children(kind)) {
      const std::string suffix = entry.extension().string();
      const fs::path stage = kind / entry.stem();
      const bool used = used_.contains(kind.filename().string() + "/" + entry.stem().string());
      const bool committed = StageCache::is_committed(stage);
      if (suffix.empty() && !used) add(Removal::Kind::stage, entry, "no listed run uses it");
      if (suffix == ".checkpoints" && (committed || !used)) add(Removal::Kind::leftover, entry, committed ? "the stage is finished" : "no listed run uses it");
      if (suffix == ".partial" && (committed || !used)) add(Removal::Kind::leftover, entry, "half-written result");
      if (suffix == ".forgotten") add(Removal::Kind::leftover, entry, "half-removed result");
    }
  }

  fs::path results_;
  bool unlisted_runs_;
  std::set<std::string> used_;   ///< ids of stages
  std::vector<Removal> found_;
};

}  // namespace

std::vector<Removal> find_removals(const fs::path& results, bool unlisted_runs) { return Finder(results, unlisted_runs).find(); }

bool remove_unless_busy(const Removal& removal) {
  const bool is_run = removal.kind == Removal::Kind::run;
  const bool in_cache = removal.path.parent_path().parent_path().filename() == ".cache";
  if (!is_run && !in_cache) return remove_tree(removal.path), true;
  const fs::path lock_file = is_run ? removal.path / ".lock" : removal.path.parent_path() / (removal.path.stem().string() + ".lock");
  const auto lock = FileLock::try_acquire(lock_file);
  if (!lock) return false;
  const fs::path doomed = removal.path.string() + ".forgotten";
  if (removal.kind == Removal::Kind::stage) {
    fs::rename(removal.path, doomed);   // at once, so that nobody sees a half-removed result
    remove_tree(doomed);
  } else {
    remove_tree(removal.path);
  }
  if (removal.kind == Removal::Kind::stage) remove_tree(lock_file);   // who waits for it notices and makes a new one
  return true;
}

}  // namespace symphony
