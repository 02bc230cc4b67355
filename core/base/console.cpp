// The progress line.
#include "core/base/console.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include <unistd.h>

#include "core/base/text.hpp"

#include <fmt/format.h>

namespace symphony {

namespace {

constexpr double kTerminalInterval = 0.1;  // seconds
constexpr double kPlainInterval = 10.0;

double wall_clock() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string rate_text(double rate) { return rate >= 100.0 ? fmt::format("{:.0f}", rate) : fmt::format("{:.3g}", rate); }

}  // namespace

ConsoleMode console_mode(bool quiet) {
  if (quiet) return ConsoleMode::quiet;
  return ::isatty(STDERR_FILENO) ? ConsoleMode::terminal : ConsoleMode::plain;
}

Progress::Progress(std::string label, double total, std::string unit, ConsoleMode mode)
    : Progress(std::move(label), total, std::move(unit), mode, std::cerr, wall_clock) {}

Progress::Progress(std::string label, double total, std::string unit, ConsoleMode mode, std::ostream& out, Seconds now)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), mode_(mode), out_(out), now_(std::move(now)), start_(now_()), last_print_(start_) {}

Progress::~Progress() {
  try {
    finish();
  } catch (...) {  // a console that cannot be written is no reason to end the run
  }
}

void Progress::update(double done, std::string_view note) {
  if (mode_ == ConsoleMode::quiet) return;
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  done_ = done;
  note_ = note;
  const double now = now_();
  if (now - last_print_ < (mode_ == ConsoleMode::terminal ? kTerminalInterval : kPlainInterval)) return;
  last_print_ = now;
  print(line(now), false);
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (finished_ || mode_ == ConsoleMode::quiet) return;
  finished_ = true;
  print(line(now_()), true);
}

std::string Progress::line(double now) const {
  const double seconds = now - start_;
  std::string text = fmt::format("{}: {:.0f}", label_, done_);
  if (total_ > 0) text += fmt::format("/{:.0f}", total_);
  text += " " + unit_;
  if (total_ > 0) text += fmt::format(" ({:.0f}%)", std::floor(100.0 * done_ / total_));
  if (seconds > 0 && done_ > 0) {
    const double rate = done_ / seconds;
    text += fmt::format(", {} {}/s", rate_text(rate), unit_);
    if (finished_) text += fmt::format(", took {}", human_seconds(seconds));
    else if (total_ > done_) text += fmt::format(", {} left", human_seconds((total_ - done_) / rate));
  }
  return note_.empty() ? text : text + "; " + note_;
}

void Progress::print(const std::string& text, bool last) {
  if (mode_ == ConsoleMode::plain) {
    out_ << text << '\n' << std::flush;
    return;
  }
  // Spaces wipe what a longer line before left behind.
  out_ << '\r' << text << std::string(shown_width_ - std::min(shown_width_, text.size()), ' ');
  if (last) out_ << '\n';
  out_ << std::flush;
  shown_width_ = text.size();
}

}  // namespace symphony
