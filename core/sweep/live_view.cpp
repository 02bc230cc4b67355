// Lines about running jobs, on standard error.
#include "core/sweep/live_view.hpp"

#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

#include "core/base/text.hpp"

namespace symphony {

namespace {
constexpr double kSecondsBetweenPlainLines = 15.0;
}

LiveView::LiveView(std::size_t num_items, bool quiet) : num_items_(num_items), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}
LiveView::~LiveView() { erase(); }

void LiveView::started(std::size_t item, const std::string& label) {
  Job job;
  job.status.label = label;
  running_.insert_or_assign(item, job);
  if (!terminal_) say(fmt::format("[{:>3}/{}] start   {}", done_ + running_.size(), num_items_, label));
}

void LiveView::update(std::size_t item, const JobStatus& status) {
  const auto found = running_.find(item);
  if (found == running_.end()) return;
  Job& job = found->second;
  if (status.stage != job.status.stage) job.since_stage = Stopwatch(), job.share_at_first = status.share;
  job.status = status;
}

void LiveView::ended(std::size_t item, const std::string& outcome) {
  const auto found = running_.find(item);
  if (found == running_.end()) return;
  const Job& job = found->second;
  const std::string line = fmt::format("[{:>3}/{}] {:<7} {} ({})", ++done_, num_items_, outcome, job.status.label, human_seconds(job.since_start.wall_seconds()));
  running_.erase(found);
  say(line);
}

void LiveView::say(const std::string& line) {
  if (quiet_) return;
  erase();
  fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

void LiveView::tick() {
  if (quiet_) return;
  if (terminal_) {
    erase();
    for (const auto& [item, job] : running_) fmt::print(stderr, "{}\n", job_line(job));
    fmt::print(stderr, "{}\n", overall_line());
    drawn_lines_ = running_.size() + 1;
    std::fflush(stderr);
  } else if (since_lines_.wall_seconds() >= kSecondsBetweenPlainLines) {
    since_lines_ = Stopwatch();
    for (const auto& [item, job] : running_) fmt::print(stderr, "          {}\n", job_line(job));
    std::fflush(stderr);
  }
}

void LiveView::erase() {
  if (drawn_lines_ == 0) return;
  fmt::print(stderr, "\x1b[{}A\x1b[J", drawn_lines_);  // up, and clear to the end of the screen
  drawn_lines_ = 0;
}

std::string LiveView::job_line(const Job& job) const {
  const JobStatus& status = job.status;
  constexpr double kLeastProgress = 0.01;  // below that, an estimate would be noise
  const double made = status.share - job.share_at_first;
  const std::string left = made < kLeastProgress ? "" : fmt::format(", about {} left of this stage", human_seconds(job.since_stage.wall_seconds() / made * (1.0 - status.share)));
  const std::string stage = status.stage.empty() ? ": starting" : status.stage == status.label ? "" : ": " + status.stage;
  return fmt::format("{}{} {:.0f} %{}{}{} ({})", status.label, stage, 100.0 * status.share, status.detail.empty() ? "" : ", ", status.detail, left,
                     human_seconds(job.since_start.wall_seconds()));
}

std::string LiveView::overall_line() const {
  const double elapsed = whole_.wall_seconds();
  // Items differ in size, so this is a rough guide; it is exact at the end.
  const std::string eta = done_ == 0 ? "" : fmt::format(", about {} left", human_seconds(elapsed / static_cast<double>(done_) * static_cast<double>(num_items_ - done_)));
  return fmt::format("{} of {} jobs done, {} elapsed{}", done_, num_items_, human_seconds(elapsed), eta);
}

}  // namespace symphony
