// SIGINT and SIGTERM as a request that long work polls, so that it can save what it has.
#pragma once

namespace symphony {

/// Installs the handlers. A second signal ends the process at once.
void watch_stop_signals();
bool stop_requested();

}  // namespace symphony
