// What a long run tells the person who waits: one progress line, rewritten in place on a terminal, otherwise a plain line now and then.
// Tables (table.hpp) and the stopwatch (stopwatch.hpp) come with it.
#pragma once

#include <functional>
#include <iosfwd>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/stopwatch.hpp"
#include "core/base/table.hpp"

namespace symphony {

enum class ConsoleMode {
  quiet,     ///< nothing
  plain,     ///< a whole line at most every 10 s, and the last
  terminal,  ///< one line rewritten at most 10 times a second
};

/// What standard error is.
ConsoleMode console_mode(bool quiet = false);

/// "train code: 120/500 steps (24%), 3.1 steps/s, 2 min 03 s left; loss 1.92". All members may be called from several threads.
class Progress {
 public:
  using Seconds = std::function<double()>;

  /// `total` <= 0 when unknown. `now` counts seconds from any start and is replaced only by tests; by default the wall clock.
  Progress(std::string label, double total, std::string unit, ConsoleMode mode = console_mode());
  Progress(std::string label, double total, std::string unit, ConsoleMode mode, std::ostream& out, Seconds now);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  ///< finishes

  /// `done` counts from 0 to total; `note` is shown behind it.
  void update(double done, std::string_view note = {});
  /// Prints the last state with the time taken, once; later calls do nothing.
  void finish();

 private:
  std::string line(double now) const;
  void print(const std::string& text, bool last);

  const std::string label_, unit_;
  const double total_;
  const ConsoleMode mode_;
  std::ostream& out_;
  const Seconds now_;
  std::mutex mutex_;
  const double start_;
  double last_print_;
  double done_ = 0.0;
  std::string note_;
  std::size_t shown_width_ = 0;
  bool finished_ = false;
};

}  // namespace symphony
