// job.json, written whole each time.
#include "core/sweep/job_status.hpp"

#include <cstdlib>

#include <unistd.h>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/process.hpp"

namespace symphony {

namespace {
constexpr const char* kJobFile = "job.json";
}

void JobStatus::describe(Schema& s) {
  s.field<&JobStatus::state>("state", "running, done, failed, interrupted");
  s.field<&JobStatus::label>("label", "of the item");
  s.field<&JobStatus::stage>("stage", "what it is at");
  s.field<&JobStatus::share>("share", "of that stage");
  s.field<&JobStatus::detail>("detail", "pace, loss, time left");
  s.field<&JobStatus::message>("message", "of a failure");
  s.field<&JobStatus::executed>("executed", "stages computed");
  s.field<&JobStatus::cached>("cached", "stages found");
  s.field<&JobStatus::pid>("pid", "of the worker");
  s.field<&JobStatus::host>("host", "where it runs");
  s.field<&JobStatus::slurm_job>("slurm_job", "under Slurm: what scancel and squeue take");
}

JobStatus own_job_status(std::string label) {
  JobStatus status;
  status.label = std::move(label);
  status.pid = ::getpid();
  status.host = host_name();
  const char* array = std::getenv("SLURM_ARRAY_JOB_ID");
  const char* task = std::getenv("SLURM_ARRAY_TASK_ID");
  if (array && task) status.slurm_job = fmt::format("{}_{}", array, task);
  return status;
}

void write_job_status(const std::filesystem::path& folder, const JobStatus& status) {
  std::filesystem::create_directories(folder);
  atomic_write(folder / kJobFile, to_json(Schema::of<JobStatus>()->read(&status)));
}

void remove_job_status(const std::filesystem::path& folder) { remove_tree(folder / kJobFile); }

std::optional<JobStatus> read_job_status(const std::filesystem::path& folder) {
  const auto file = folder / kJobFile;
  if (!std::filesystem::exists(file)) return std::nullopt;
  return from_value<JobStatus>(parse_json(read_text(file), file.string()), file.string());
}

}  // namespace symphony
