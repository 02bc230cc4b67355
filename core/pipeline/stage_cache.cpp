// Computing, committing and finding results of stages.
#include "core/pipeline/stage_cache.hpp"

#include "core/base/stopwatch.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr const char* kStageFile = "stage.json";

fs::path with_suffix(const fs::path& directory, const char* suffix) { return fs::path(directory.string() + suffix); }

}  // namespace

StageCache::StageCache(fs::path root) : root_(std::move(root)) {}

fs::path StageCache::directory(const Stage& stage) const { return root_ / stage.name / stage.key; }

bool StageCache::is_committed(const fs::path& directory) { return fs::exists(directory / kStageFile); }

StageOutcome StageCache::outcome(const Stage& stage) const {
  const fs::path folder = directory(stage);
  const Value record = parse_json(read_text(folder / kStageFile), (folder / kStageFile).string());
  StageOutcome outcome;
  outcome.directory = folder;
  outcome.wall_seconds = record.find("wall_seconds")->as_double();
  outcome.cpu_seconds = record.find("cpu_seconds")->as_double();
  return outcome;
}

void StageCache::forget(const std::string& name, const std::string& key) {
  const fs::path folder = root_ / name / key;
  if (!fs::exists(folder)) return;
  const fs::path doomed = with_suffix(folder, ".forgotten");
  remove_tree(doomed);  // of an earlier attempt that was killed
  fs::rename(folder, doomed);  // at once, so that nobody sees a half-removed result
  remove_tree(doomed);
}

StageOutcome StageCache::ensure(const Stage& stage, const Progress& progress, const std::function<bool()>& stop_requested) {
  if (committed(stage)) return outcome(stage);
  for (const StagePtr& input : stage.inputs) ensure(*input, progress, stop_requested);
  fs::create_directories(root_ / stage.name);
  const auto lock = FileLock::acquire(with_suffix(directory(stage), ".lock"),
                                      [&](const std::string& holder) {
                                        progress(stage, 0.0, "waiting for " + holder);
                                        if (stop_requested()) throw Interrupted();
                                      });
  if (committed(stage)) return outcome(stage);  // another process computed it while this one waited
  if (stop_requested()) throw Interrupted();
  return compute(stage, progress, stop_requested);
}

StageOutcome StageCache::compute(const Stage& stage, const Progress& progress, const std::function<bool()>& stop_requested) {
  const fs::path partial = with_suffix(directory(stage), ".partial");
  const fs::path checkpoints = with_suffix(directory(stage), ".checkpoints");
  fs::remove_all(partial);
  fs::create_directories(partial);
  fs::create_directories(checkpoints);
  const Stopwatch watch;
  try {
    RecordFile record = RecordFile::create(partial / "record.h5");
    StageScope scope{partial, checkpoints, record, [this](const Stage& input) { return directory(input); },
                     [&](double share, const std::string& detail) {
                       progress(stage, share, detail);
                       if (stop_requested()) throw Interrupted();
                     },
                     [&](double share, const std::string& detail) { progress(stage, share, detail); }, stop_requested};
    stage.run(scope);
    record.flush();
  } catch (const Error&) {
    rethrow_within(stage.label);
  } catch (const c10::Error& error) {
    fail<DataError>(stage.label, "{}", error.what_without_backtrace());
  }
  StageOutcome outcome{directory(stage), true, watch.wall_seconds(), watch.cpu_seconds()};
  Value description = ValueMap{};
  description.set("label", stage.label);
  description.set("wall_seconds", outcome.wall_seconds);
  description.set("cpu_seconds", outcome.cpu_seconds);
  description.set("identity", stage.identity);
  atomic_write(partial / kStageFile, to_json(description));
  commit_directory(partial, outcome.directory);
  fs::remove_all(checkpoints);
  return outcome;
}

}  // namespace symphony
