// Other programs and this one: commands run without a shell under limits, children started by exec, and what this process has used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace symphony {

struct CommandOptions {
  double max_seconds = 60.0;
  std::uint64_t max_output_bytes = std::uint64_t{256} << 20;  ///< of standard output; standard error keeps its first 64 KiB
  std::string input;                                          ///< standard input; empty as /dev/null
  std::filesystem::path directory;                            ///< working directory; empty: this process's
  std::vector<std::pair<std::string, std::string>> environment;  ///< set in addition to this process's
};

struct CommandOutput {
  std::string out, err;
  double seconds = 0.0;
};

/// Runs argv[0], sought in PATH, to its end. Throws DataError led by `where` when the program does not exist, exits with another status than 0,
/// dies by a signal, or exceeds a limit; it and its children are then killed.
CommandOutput run_command(const std::vector<std::string>& argv, const CommandOptions& options, std::string_view where);

/// "bible -f 'Genesis 1'": for messages, parts with unusual characters quoted.
std::string command_text(const std::vector<std::string>& argv);

struct ExitState {
  int status = 0;                     ///< exit status; 0 when killed by a signal
  int signal = 0;                     ///< 0, or the signal that killed it
  double cpu_seconds = 0.0;
  std::uint64_t peak_memory_bytes = 0;
  bool ok() const { return status == 0 && signal == 0; }
  std::string text() const;           ///< "exit status 3", "killed by signal 9 (Killed)"
};

struct SpawnOptions {
  std::filesystem::path output;       ///< standard output and error are appended to this file; empty: this process's own
  std::vector<std::pair<std::string, std::string>> environment;  ///< set in addition to this process's
};

/// A child process in a process group of its own. The destructor kills and reaps one that still runs.
class Child {
 public:
  /// Throws DataError when the program cannot be started.
  static Child spawn(const std::vector<std::string>& argv, const SpawnOptions& options = {});
  /// Takes charge of a child that was started otherwise, as the leader of its process group.
  static Child adopt(pid_t pid);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  /// How it ended; nothing while it runs.
  const std::optional<ExitState>& poll();
  const ExitState& wait();
  /// Sends a signal to the child's whole process group; nothing happens when it has ended.
  void send(int signal);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  bool reap(int options);
  pid_t pid_ = -1;
  std::optional<ExitState> exit_;
};

/// Waits until one of the children has ended and gives its index, the lowest of several; nothing after `max_seconds`. Children that had ended
/// before count, so callers leave out those already dealt with.
std::optional<std::size_t> wait_any(std::span<Child* const> children, double max_seconds);

/// Of this machine, as others on the network call it.
std::string host_name();

/// The file that this process runs.
std::filesystem::path own_executable();

struct ProcessUsage {
  double cpu_seconds = 0.0;            ///< user and system, all threads
  std::uint64_t peak_memory_bytes = 0; ///< largest resident set
};
ProcessUsage own_usage();

/// Memory of this process that no file backs (RssAnon), in bytes, now. What is mapped from checkpoints does not count: the kernel can drop it.
std::uint64_t own_anonymous_bytes();

/// Has the allocator return every block of 8 MiB or more to the system once it is freed. By itself it stops doing so after the first of them (glibc raises its
/// threshold to the size of what is freed, up to 32 MiB), and what it keeps depends on the order of allocations: the peaks of equal runs differed by a fifth.
void return_large_blocks();

/// What this process and its children can still take without swapping, in bytes: the machine's MemAvailable, or less where a control group limits it.
std::uint64_t available_memory_bytes();

/// Asks the kernel to send this process SIGTERM when its parent dies, which must be process `parent`; when that has died already, sends it now.
void stop_with_parent(pid_t parent);

}  // namespace symphony
