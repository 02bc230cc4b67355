// job.json, written whole each time.
#include "core/sweep/job_status.hpp"

#include "core/base/files.hpp"
#include "core/base/json.hpp"

namespace symphony {

namespace {
constexpr const char* kJobFile = "job.json";
}

std::filesystem::path job_folder(const std::filesystem::path& experiment_folder, std::size_t item) {
  return experiment_folder / ".jobs" / std::to_string(item);
}

void write_job_status(const std::filesystem::path& folder, const JobStatus& status) {
  Value tree = ValueMap{};
  tree.set("state", status.state);
  tree.set("label", status.label);
  tree.set("stage", status.stage);
  tree.set("share", status.share);
  tree.set("detail", status.detail);
  tree.set("message", status.message);
  tree.set("executed", status.executed);
  tree.set("cached", status.cached);
  tree.set("pid", status.pid);
  std::filesystem::create_directories(folder);
  atomic_write(folder / kJobFile, to_json(tree));
}

std::optional<JobStatus> read_job_status(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / kJobFile)) return std::nullopt;
  const Value tree = parse_json(read_text(folder / kJobFile), (folder / kJobFile).string());
  JobStatus status;
  status.state = tree.find("state")->as_string();
  status.label = tree.find("label")->as_string();
  status.stage = tree.find("stage")->as_string();
  status.share = tree.find("share")->as_double();
  status.detail = tree.find("detail")->as_string();
  status.message = tree.find("message")->as_string();
  status.executed = tree.find("executed")->as_int();
  status.cached = tree.find("cached")->as_int();
  status.pid = tree.find("pid")->as_int();
  return status;
}

}  // namespace symphony
