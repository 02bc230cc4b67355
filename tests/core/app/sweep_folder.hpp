// A sweep's folder made by hand: a plan, and finished runs whose numbers a test chooses.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/app/sweep_runs.hpp"
#include "tests/support/temporary_folder.hpp"

/// What a run measured after its last point: a metric "loss" (lower is better), with one in-domain value, windows of one in-domain domain "text" if
/// any, and a metric "accuracy" (higher is better); where there are `items`, also their mean as the accuracy of a task "questions". Windows of a second
/// in-domain domain "code" make the average one over two.
struct MadeNumbers {
  double loss = 0.0, accuracy = 0.0;
  std::vector<float> windows;
  std::vector<float> items;
  bool ends_untrained = false;  ///< everything was measured at step_0, and nothing after it
  std::string approximate;      ///< what the alignment noted of its sources' change, if anything
  std::vector<float> code_windows;
  std::string window_hash = "of these windows";  ///< noted of every domain; "": nothing is noted, as in older files
};

class SweepFolder {
 public:
  explicit SweepFolder(std::string baseline = "");

  /// A finished run; its rival "ensemble" has the loss `ensemble`.
  void add(const std::string& block, const std::string& variant, std::int64_t seed, const MadeNumbers& numbers, double ensemble = 1.0);
  /// A run that the plan has and nobody began.
  void add_pending(const std::string& variant, std::int64_t seed);
  /// Of the runs added from now on: sources under `sources`, questions under `report`.
  symphony::Value config = symphony::ValueMap{};

  std::unique_ptr<symphony::SweepRuns> read() const;
  std::filesystem::path path() const { return folder_.path() / "made"; }
  const symphony::Plan& plan() const { return plan_; }
  static std::string run_id(const std::string& block, const std::string& variant, std::int64_t seed);

 private:
  symphony::SweepPoint& add_point(const std::string& block, const std::string& variant, std::int64_t seed);
  symphony::testing::TemporaryFolder folder_;
  symphony::Plan plan_;
};
