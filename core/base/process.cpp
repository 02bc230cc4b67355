// Children by posix_spawn: safe in a process with threads, and a missing program is an error here, not in the child.
#include "core/base/process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/descriptor.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(5);
constexpr std::size_t kMaxErrorBytes = std::size_t{64} << 10;

using Environment = std::vector<std::pair<std::string, std::string>>;

double seconds_of(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); }
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A line "<field>   123 kB" of a file of the kernel's, in bytes.
std::uint64_t kibibytes_field(const char* file, std::string_view field) {
  const std::string text = read_text(file);
  const std::size_t at = text.find(field);
  if (at == std::string::npos) fail<DataError>(file, "has no {}, expected Linux 4.5 or later", field);
  return std::strtoull(text.c_str() + at + field.size(), nullptr, 10) << 10;
}

/// ru_maxrss counts KiB on Linux.
std::uint64_t peak_bytes(const rusage& usage) { return static_cast<std::uint64_t>(usage.ru_maxrss) << 10; }

std::vector<std::string> merged_environment(const Environment& additions) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::none_of(additions.begin(), additions.end(), [&](const auto& addition) { return addition.first == name; })) result.emplace_back(text);
  }
  for (const auto& [name, value] : additions) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// What posix_spawn does in the child between fork and exec.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // Its own process group, so that what it starts can be killed with it; default signals and an empty mask, whatever this process blocks.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes, &signals);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  /// 0 or the reason why not.
  int start(const std::vector<std::string>& argv, const Environment& additions, pid_t& pid) {
    const auto environment = merged_environment(additions);
    return ::posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, c_strings(argv).data(), c_strings(environment).data());
  }
};

[[noreturn]] void fail_to_start(std::string_view where, const std::vector<std::string>& argv, int reason) {
  if (reason == ENOENT) fail<DataError>(where, "the program {} was not found; is its package installed and in PATH?", quoted(argv[0]));
  fail<DataError>(where, "the program {} cannot be started: {}", quoted(argv[0]), errno_text(reason));
}

struct Pipe {
  Descriptor reading, writing;
  explicit Pipe(std::string_view where) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail<DataError>(where, "no pipe can be made: {}", errno_text());
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
};

/// A file in memory that holds `text`, positioned at its start: unlike a pipe it needs no writer beside the reader.
Descriptor input_file(const std::string& text, std::string_view where) {
  if (text.empty()) return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Descriptor file(::memfd_create("input", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file && written < text.size()) {
    const ssize_t step = ::write(file.get(), text.data() + written, text.size() - written);
    if (step < 0) fail<DataError>(where, "the standard input cannot be prepared: {}", errno_text());
    written += static_cast<std::size_t>(step);
  }
  if (!file || ::lseek(file.get(), 0, SEEK_SET) != 0) fail<DataError>(where, "the standard input cannot be prepared: {}", errno_text());
  return file;
}

/// Reads both pipes until they end. Returns the limit that was exceeded, or nothing.
std::optional<std::string> collect(Pipe& out, Pipe& err, const CommandOptions& options, Clock::time_point start, CommandOutput& output) {
  std::array<char, 1 << 16> block;
  std::array<pollfd, 2> polled{{{out.reading.get(), POLLIN, 0}, {err.reading.get(), POLLIN, 0}}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const double left = options.max_seconds - seconds_since(start);
    if (left <= 0) return fmt::format("did not end within {}", human_seconds(options.max_seconds));
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::min(left * 1e3 + 1, 1e6))) < 0) continue;
    for (pollfd& source : polled) {
      if (source.fd < 0 || source.revents == 0) continue;
      const ssize_t got = ::read(source.fd, block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        source.fd = -1;  // ended; poll ignores negative descriptors
        continue;
      }
      const auto size = static_cast<std::size_t>(got);
      const bool is_error = &source == &polled[1];
      if (is_error) output.err.append(block.data(), std::min(size, kMaxErrorBytes - output.err.size()));
      else output.out.append(block.data(), size);
      if (output.out.size() > options.max_output_bytes) return fmt::format("wrote more than {}", human_bytes(options.max_output_bytes));
    }
  }
  return std::nullopt;
}

/// ": <last line of standard error>" for messages.
std::string last_words(std::string_view err) {
  while (!err.empty() && (err.back() == '\n' || err.back() == ' ')) err.remove_suffix(1);
  if (err.empty()) return "";
  return fmt::format("; it says {}", quoted(err.substr(err.rfind('\n') + 1)));
}

}  // namespace

std::string command_text(const std::vector<std::string>& argv) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./=:,+@%";
  std::string text;
  for (const std::string& part : argv) {
    if (!text.empty()) text += ' ';
    const bool plain = !part.empty() && part.find_first_not_of(kPlain) == std::string::npos;
    text += plain ? part : quoted(part);
  }
  return text;
}

std::string ExitState::text() const {
  if (signal != 0) return fmt::format("killed by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit status {}", status);
}

CommandOutput run_command(const std::vector<std::string>& argv, const CommandOptions& options, std::string_view where) {
  if (argv.empty() || argv[0].empty()) fail<DataError>(where, "an empty command, expected a program's name");
  const auto start = Clock::now();
  const Descriptor input = input_file(options.input, where);
  Pipe out(where), err(where);
  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.actions, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, out.writing.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, err.writing.get(), STDERR_FILENO);
  if (!options.directory.empty()) {
    if (!std::filesystem::is_directory(options.directory)) fail<DataError>(where, "the working directory {} does not exist", quoted(options.directory.string()));
    posix_spawn_file_actions_addchdir_np(&plan.actions, options.directory.c_str());
  }
  pid_t pid = -1;
  if (const int reason = plan.start(argv, options.environment, pid)) fail_to_start(where, argv, reason);
  Child child = Child::adopt(pid);
  out.writing.reset();
  err.writing.reset();

  CommandOutput output;
  std::optional<std::string> exceeded = collect(out, err, options, start, output);
  // It may close its output and run on.
  Child* const waiting[] = {&child};
  if (!exceeded && !wait_any(waiting, options.max_seconds - seconds_since(start)))
    exceeded = fmt::format("did not end within {}", human_seconds(options.max_seconds));
  output.seconds = seconds_since(start);
  if (exceeded) {
    child.send(SIGKILL);
    child.wait();
    fail<DataError>(where, "the command {} {} and was stopped{}", quoted(command_text(argv)), *exceeded, last_words(output.err));
  }
  const ExitState& state = child.wait();
  if (!state.ok()) fail<DataError>(where, "the command {} failed with {}{}", quoted(command_text(argv)), state.text(), last_words(output.err));
  return output;
}

Child Child::adopt(pid_t pid) { return Child(pid); }

Child Child::spawn(const std::vector<std::string>& argv, const SpawnOptions& options) {
  SYMPHONY_ASSERT(!argv.empty());
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  Descriptor output;
  if (!options.output.empty()) {
    output.reset(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (!output) fail_with_errno(options.output, "cannot be opened for a child's output");
    posix_spawn_file_actions_adddup2(&plan.actions, output.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&plan.actions, output.get(), STDERR_FILENO);
  }
  pid_t pid = -1;
  if (const int reason = plan.start(argv, options.environment, pid)) fail_to_start(argv[0], argv, reason);
  return Child(pid);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);  // ours is reaped with `other`
  std::swap(exit_, other.exit_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || exit_) return;
  ::kill(-pid_, SIGKILL);
  reap(0);
}

bool Child::reap(int options) {
  int status = 0;
  rusage usage{};
  pid_t got = 0;
  do got = ::wait4(pid_, &status, options, &usage);
  while (got < 0 && errno == EINTR);
  if (got != pid_) return false;
  ExitState state;
  if (WIFSIGNALED(status)) state.signal = WTERMSIG(status);
  else state.status = WEXITSTATUS(status);
  state.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  state.peak_memory_bytes = peak_bytes(usage);
  exit_ = state;
  return true;
}

const std::optional<ExitState>& Child::poll() {
  if (!exit_) reap(WNOHANG);
  return exit_;
}

const ExitState& Child::wait() {
  if (!exit_) SYMPHONY_ASSERT(reap(0));
  return *exit_;
}

void Child::send(int signal) {
  if (!poll()) ::kill(-pid_, signal);
}

std::optional<std::size_t> wait_any(std::span<Child* const> children, double max_seconds) {
  const auto start = Clock::now();
  for (;;) {
    for (std::size_t child_idx = 0; child_idx < children.size(); ++child_idx)
      if (children[child_idx]->poll()) return child_idx;
    if (children.empty() || seconds_since(start) >= max_seconds) return std::nullopt;
    std::this_thread::sleep_for(kPollInterval);
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::filesystem::path own_executable() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) fail<DataError>("/proc/self/exe", "cannot be read: {}", error.message());
  return path;
}

ProcessUsage own_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), peak_bytes(usage)};
}

std::uint64_t own_anonymous_bytes() { return kibibytes_field("/proc/self/status", "RssAnon:"); }

void return_large_blocks() {
#ifdef __GLIBC__
  constexpr int kLargeBlock = 8 << 20, kKept = 64 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  ::mallopt(M_TRIM_THRESHOLD, kKept);  // setting the other one alone would bring this down to 128 KiB, and every training step would fault its memory in again
#endif
}

std::uint64_t available_memory_bytes() {
  const std::uint64_t machine = kibibytes_field("/proc/meminfo", "MemAvailable:");
  const char* const kLimit = "/sys/fs/cgroup/memory.max";
  const char* const kUsed = "/sys/fs/cgroup/memory.current";
  if (!std::filesystem::exists(kLimit) || !std::filesystem::exists(kUsed)) return machine;
  const std::string limit = read_text(kLimit);
  if (limit.starts_with("max")) return machine;
  const std::uint64_t most = std::strtoull(limit.c_str(), nullptr, 10), used = std::strtoull(read_text(kUsed).c_str(), nullptr, 10);
  return std::min(machine, most > used ? most - used : 0);
}

void stop_with_parent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) fail<DataError>("prctl", "cannot be told to stop with its parent: {}", errno_text());
  if (::getppid() != parent) ::raise(SIGTERM);
}

}  // namespace symphony
