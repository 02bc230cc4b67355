// Writes what a worker writes: run.h5 and status.json, and the plan that the coordinator keeps.
#include "tests/core/app/sweep_folder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/value_changes.hpp"
#include "core/log/record_file.hpp"
#include "core/log/run_file.hpp"
#include "core/log/status_file.hpp"

using namespace symphony;

namespace {

void record_windows(const std::filesystem::path& path, const MadeNumbers& numbers) {
  RecordFile file = RecordFile::create(path);
  std::vector<std::string> names{"text"};
  if (!numbers.code_windows.empty()) names.emplace_back("code");
  const std::size_t most = std::max(numbers.windows.size(), numbers.code_windows.size());
  std::vector<float> padded(names.size() * most, std::nanf(""));
  std::copy(numbers.windows.begin(), numbers.windows.end(), padded.begin());
  std::copy(numbers.code_windows.begin(), numbers.code_windows.end(), padded.begin() + static_cast<std::ptrdiff_t>(padded.size() - most));
  const RecordAxis domain{"domain", names.size(), names, {}}, window{"window", most, {}, {}};
  file.array({"window_loss", "1", "of each window"}, std::array{domain, window}, padded);
  file.array({"in_domain", "1", "1 where a source was trained on it"}, std::array{domain}, std::vector<float>(names.size(), 1.0F));
  Value hashes = ValueMap{};
  for (const std::string& name : names) hashes.set(name, numbers.window_hash);
  if (!numbers.window_hash.empty()) file.note("window_hash", to_json(hashes));
}

void record_items(const std::filesystem::path& path, const std::vector<float>& items) {
  const RecordAxis item{"item", items.size(), {}, {}};
  RecordFile::create(path).array({"item_accuracy", "1", "of each question"}, std::array{item}, items);
}

std::vector<EvaluationRow> rows_of(const MadeNumbers& numbers, double ensemble) {
  const double none = std::nan("");
  if (numbers.ends_untrained) return {{"model", "step_0", "suite", 1, "in_domain", "loss", numbers.loss, 0.1, 4, "1", "lower"}};
  std::vector<EvaluationRow> rows{{"model", "step_0", "suite", 1, "in_domain", "loss", numbers.loss + 1.0, none, 0, "1", "lower"},
          {"model", "post", "suite", 1, "text", "loss", numbers.loss, 0.1, 4, "1", "lower"},
          {"model", "post", "suite", 1, "in_domain", "loss", numbers.loss, 0.1, 4, "1", "lower"},
          {"model", "post", "suite", 1, "out_of_distribution", "loss", numbers.loss + 0.5, none, 0, "1", "lower"},
          {"model", "post", "quiz", 1, "in_domain", "accuracy", numbers.accuracy, none, 0, "1", "higher"},
          {"model", "post", "shape", 1, "mean over layers", "width", 3.0, none, 0, "1", "neither"},
          {"ensemble", "given", "suite", 1, "in_domain", "loss", ensemble, none, 0, "1", "lower"}};
  if (!numbers.items.empty()) {
    const double mean = std::accumulate(numbers.items.begin(), numbers.items.end(), 0.0) / static_cast<double>(numbers.items.size());
    rows.push_back({"model", "post", "quiz", 1, "questions", "accuracy", mean, 0.2, static_cast<std::int64_t>(numbers.items.size()), "1", "higher"});
  }
  return rows;
}

}  // namespace

SweepFolder::SweepFolder(std::string baseline) {
  plan_.experiment = "made";
  plan_.baseline = std::move(baseline);
  plan_.results = folder_.path();
}

std::string SweepFolder::run_id(const std::string& block, const std::string& variant, std::int64_t seed) {
  return fmt::format("{}{}{}.s{}", block, block.empty() ? "" : ".", variant, seed);
}

SweepPoint& SweepFolder::add_point(const std::string& block, const std::string& variant, std::int64_t seed) {
  SweepPoint point;
  point.run_id = run_id(block, variant, seed);
  point.block = block, point.variant = variant, point.seed = seed;
  if (plan_.points.empty()) plan_.base_config = config;
  point.config_changes = changes_between(plan_.base_config, config);
  point.origin_changes = changes_between(plan_.base_origins, ValueMap{});
  plan_.points.push_back(std::move(point));
  std::filesystem::create_directories(path());
  atomic_write(path() / "plan.json", plan_to_json(plan_));
  return plan_.points.back();
}

void SweepFolder::add_pending(const std::string& variant, std::int64_t seed) { add_point("", variant, seed); }

void SweepFolder::add(const std::string& block, const std::string& variant, std::int64_t seed, const MadeNumbers& numbers, double ensemble) {
  const std::string id = add_point(block, variant, seed).run_id;
  const auto run = path() / id;
  std::filesystem::create_directories(run);
  RunInfo info;
  info.run_id = id, info.experiment = "made", info.variant = variant, info.seed = seed;
  info.config = fmt::format("name: made\nseed: {}\n", seed);
  RunFile log = RunFile::create(run / "run.h5", info);
  if (!numbers.windows.empty()) {
    record_windows(run / "record.h5", numbers);
    log.absorb(run / "record.h5", numbers.ends_untrained ? "evaluation/step_0/suite" : "evaluation/post/suite");
  }
  if (!numbers.items.empty()) {
    record_items(run / "items.h5", numbers.items);
    log.absorb(run / "items.h5", "evaluation/post/quiz/questions");
  }
  if (!numbers.approximate.empty()) {
    RecordFile::create(run / "alignment.h5").note("approximate", numbers.approximate);
    log.absorb(run / "alignment.h5", "alignment");
  }
  log.add_stage({"text", "shared", true, 0.0, 0.0});
  log.add_stage({"phase", "key of " + id, false, 0.0, 0.0});
  log.add_evaluation(rows_of(numbers, ensemble));
  log.finish("finished");
  RunStatus status;
  status.state = "finished", status.run_id = id;
  write_status(run / "status.json", status);
}

std::unique_ptr<SweepRuns> SweepFolder::read() const { return read_sweep(path()); }
