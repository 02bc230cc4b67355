// Failpoints, in a child process that may die of them.
#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include "core/base/failpoint.hpp"
#include "core/base/files.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;

namespace {

/// The signal that ended a child which runs `work` under these orders; 0 when it ended by itself.
template <typename Work>
int signal_of(const std::string& orders, const std::filesystem::path& ledger, Work work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::signal(SIGTERM, SIG_DFL);  // not the test runner's handler
    ::setenv("SYMPHONY_FAILPOINT", orders.c_str(), 1);
    ::setenv("SYMPHONY_FAILPOINT_LEDGER", ledger.c_str(), 1);
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("failpoint: nothing happens without orders", "[core][base]") {
  failpoint("fsync", "file");
  SUCCEED("still alive");
}

TEST_CASE("failpoint: a named place strikes once and is in the ledger", "[core][base]") {
  const ScratchDirectory scratch;
  const auto ledger = scratch / "ledger";
  const auto work = [] { failpoint("fsync", "a/0123456789abcdef0123456789abcdef.partial/x-17"); };
  CHECK(signal_of("KILL fsync", ledger, work) == SIGKILL);
  CHECK(read_text(ledger) == "fsync a/*.partial/x-#\n");
  CHECK(signal_of("KILL fsync", ledger, work) == 0);
}

TEST_CASE("failpoint: a detail narrows a place to one moment", "[core][base]") {
  const ScratchDirectory scratch;
  const auto steps = [](int last) {
    return [last] {
      for (int step = 1; step <= last; ++step) failpoint("optimiser_step", std::to_string(step));
    };
  };
  CHECK(signal_of("TERM optimiser_step=17", scratch / "ledger", steps(16)) == 0);
  CHECK(signal_of("TERM optimiser_step=17", scratch / "ledger", steps(17)) == SIGTERM);
  CHECK(read_text(scratch / "ledger") == "optimiser_step #\n");
}

TEST_CASE("failpoint: a kill at any moment of atomic_write leaves the old bytes or the new", "[core][base]") {
  const ScratchDirectory scratch;
  const auto file = scratch / "file";
  atomic_write(file, "old");
  int kills = 0;
  while (signal_of("KILL fsync rename renamed", scratch / "ledger", [&] { atomic_write(file, "new"); }) == SIGKILL) {
    ++kills;
    const std::string bytes = read_text(file);
    CHECK((bytes == "old" || bytes == "new"));
  }
  CHECK(kills == 4);  // fsync of the file, before and after the rename, fsync of the folder
  CHECK(read_text(file) == "new");
}
