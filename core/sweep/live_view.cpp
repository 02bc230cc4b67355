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
  JobStatus status;
  status.label = label;
  running_[item] = status;
  clocks_.emplace(item, Stopwatch());
  if (!terminal_) say(fmt::format("[{:>3}/{}] start   {}", done_ + running_.size(), num_items_, label));
}

void LiveView::update(std::size_t item, const JobStatus& status) {
  const auto found = running_.find(item);
  if (found != running_.end()) found->second = status;
}

void LiveView::ended(std::size_t item, const std::string& outcome) {
  const auto found = running_.find(item);
  if (found == running_.end()) return;
  const std::string line = fmt::format("[{:>3}/{}] {:<7} {} ({})", ++done_, num_items_, outcome, found->second.label,
                                       human_seconds(clocks_.at(item).wall_seconds()));
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
    for (const auto& [item, status] : running_) fmt::print(stderr, "{}\n", job_line(item, status));
    fmt::print(stderr, "{}\n", overall_line());
    drawn_lines_ = running_.size() + 1;
    std::fflush(stderr);
  } else if (since_lines_.wall_seconds() >= kSecondsBetweenPlainLines) {
    since_lines_ = Stopwatch();
    for (const auto& [item, status] : running_) fmt::print(stderr, "          {}\n", job_line(item, status));
    std::fflush(stderr);
  }
}

void LiveView::erase() {
  if (drawn_lines_ == 0) return;
  fmt::print(stderr, "\x1b[{}A\x1b[J", drawn_lines_);  // up, and clear to the end of the screen
  drawn_lines_ = 0;
}

std::string LiveView::job_line(std::size_t item, const JobStatus& status) const {
  return fmt::format("{}: {} {:.0f} %{}{} ({})", status.label, status.stage.empty() ? "starting" : status.stage, 100.0 * status.share,
                     status.detail.empty() ? "" : ", ", status.detail, human_seconds(clocks_.at(item).wall_seconds()));
}

std::string LiveView::overall_line() const {
  const double elapsed = whole_.wall_seconds();
  // Items differ in size, so this is a rough guide; it is exact at the end.
  const std::string eta = done_ == 0 ? "" : fmt::format(", about {} left", human_seconds(elapsed / static_cast<double>(done_) * static_cast<double>(num_items_ - done_)));
  return fmt::format("{} of {} jobs done, {} elapsed{}", done_, num_items_, human_seconds(elapsed), eta);
}

}  // namespace symphony
