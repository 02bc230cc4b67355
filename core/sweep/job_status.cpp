// Job files, written whole each time.
#include "core/sweep/job_status.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

fs::path file_of(const fs::path& folder, const std::string& host, std::int64_t pid) { return folder / fmt::format("{}-{}.json", host, pid); }

JobStatus read_file(const fs::path& file) { return from_value<JobStatus>(parse_json(read_text(file), file.string()), file.string()); }

}  // namespace

void JobStatus::describe(Schema& s) {
  s.field<&JobStatus::state>("state", "running, done, failed, interrupted");
  s.field<&JobStatus::label>("label", "of the item");
  s.field<&JobStatus::stage>("stage", "what it is at");
  s.field<&JobStatus::share>("share", "of that stage");
  s.field<&JobStatus::detail>("detail", "pace, loss, time left");
  s.field<&JobStatus::message>("message", "of a failure");
  s.field<&JobStatus::executed>("executed", "stages computed");
  s.field<&JobStatus::cached>("cached", "stages found");
  s.field<&JobStatus::heartbeat>("heartbeat", "when this was written");
  s.field<&JobStatus::host>("host", "of the worker");
  s.field<&JobStatus::pid>("pid", "of the worker");
  s.field<&JobStatus::parent>("parent", "process of the coordinator that started it; 0: none");
  s.field<&JobStatus::slurm_job>("slurm_job", "under Slurm: what scancel and squeue take");
  s.field<&JobStatus::peak_memory_bytes>("peak_memory_bytes", "largest anonymous memory so far");
}

JobStatus own_job_status(std::string label) {
  JobStatus status;
  status.label = std::move(label);
  status.pid = ::getpid();
  int signal_of_parents_death = 0;  // set by workers of a coordinator (stop_with_parent)
  if (::prctl(PR_GET_PDEATHSIG, &signal_of_parents_death) == 0 && signal_of_parents_death != 0) status.parent = ::getppid();
  status.host = host_name();
  const char* array = std::getenv("SLURM_ARRAY_JOB_ID");
  const char* task = std::getenv("SLURM_ARRAY_TASK_ID");
  if (array && task) status.slurm_job = fmt::format("{}_{}", array, task);
  return status;
}

void write_job_status(const fs::path& folder, JobStatus status) {
  fs::create_directories(folder);
  status.heartbeat = utc_now();
  replace_file(file_of(folder, status.host, status.pid), to_json(Schema::of<JobStatus>()->read(&status)));
}

std::optional<JobStatus> read_job_status(const fs::path& folder, std::int64_t pid) {
  const fs::path file = file_of(folder, host_name(), pid);
  if (!fs::exists(file)) return std::nullopt;
  return read_file(file);
}

std::vector<JobStatus> read_job_statuses(const fs::path& folder) {
  std::vector<JobStatus> statuses;
  if (!fs::is_directory(folder)) return statuses;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json") statuses.push_back(read_file(entry.path()));
  std::sort(statuses.begin(), statuses.end(), [](const JobStatus& a, const JobStatus& b) { return a.heartbeat > b.heartbeat; });
  return statuses;
}

void clear_job_statuses(const fs::path& folder) {
  for (const JobStatus& status : read_job_statuses(folder)) {
    const bool ended = status.state != "running" || !may_be_alive(status.host, status.pid);
    const bool awaited = status.host == host_name() && status.parent > 0 && status.parent != ::getpid() && may_be_alive(status.host, status.parent);
    if (ended && !awaited) remove_tree(file_of(folder, status.host, status.pid));
  }
}

bool may_be_alive(const std::string& host, std::int64_t pid) {
  return host != host_name() || ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
}

}  // namespace symphony
