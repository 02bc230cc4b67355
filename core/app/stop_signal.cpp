// A flag set by the handler: the only thing a handler may safely do.
#include "core/app/stop_signal.hpp"

#include <csignal>

namespace symphony {

namespace {

volatile std::sig_atomic_t stop_flag = 0;

void on_signal(int signal) {
  stop_flag = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_stop_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool stop_requested() { return stop_flag != 0; }

}  // namespace symphony
