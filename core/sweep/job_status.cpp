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
}

void write_job_status(const std::filesystem::path& folder, const JobStatus& status) {
  std::filesystem::create_directories(folder);
  atomic_write(folder / kJobFile, to_json(Schema::of<JobStatus>()->read(&status)));
}

std::optional<JobStatus> read_job_status(const std::filesystem::path& folder) {
  const auto file = folder / kJobFile;
  if (!std::filesystem::exists(file)) return std::nullopt;
  return from_value<JobStatus>(parse_json(read_text(file), file.string()), file.string());
}

}  // namespace symphony
