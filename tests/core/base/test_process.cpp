// Commands under limits and children of our own.
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>

#include "core/base/error.hpp"
#include "core/base/process.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {
double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
}  // namespace

TEST_CASE("process: a command's output is captured, its arguments reach it untouched", "[core][base]") {
  const auto output = run_command({"printf", "%s|", "a b", "$HOME", "*"}, {}, "test");
  CHECK(output.out == "a b|$HOME|*|");
  CHECK(output.err.empty());
  CHECK(run_command({"sh", "-c", "echo out; echo err >&2"}, {}, "test").err == "err\n");
}

TEST_CASE("process: input, folder and environment reach the command", "[core][base]") {
  const ScratchDirectory scratch;
  CommandOptions options;
  options.input = std::string(1000000, 'x');
  CHECK(run_command({"cat"}, options, "test").out == options.input);
  options = {};
  options.directory = scratch.path();
  options.environment = {{"SYMPHONY_TEST", "a=b"}};
  CHECK(run_command({"sh", "-c", "pwd -P; echo $SYMPHONY_TEST"}, options, "test").out ==
        std::filesystem::canonical(scratch.path()).string() + "\na=b\n");
  CHECK(run_command({"cat"}, {}, "test").out.empty());
  options.directory = scratch / "none";
  CHECK_THROWS_WITH(run_command({"true"}, options, "test"), Contains("working directory"));
}

TEST_CASE("process: a command that is missing or fails is named", "[core][base]") {
  CHECK_THROWS_WITH(run_command({"no-such-program-here"}, {}, "domain 'x'"),
                    Contains("domain 'x': the program 'no-such-program-here' was not found"));
  CHECK_THROWS_AS(run_command({"no-such-program-here"}, {}, "x"), DataError);
  CHECK_THROWS_WITH(run_command({"/dev/null"}, {}, "x"), Contains("cannot be started: Permission denied"));
  CHECK_THROWS_WITH(run_command({}, {}, "x"), Contains("an empty command"));
  CHECK_THROWS_WITH(run_command({"sh", "-c", "echo first >&2; echo broken >&2; exit 3"}, {}, "x"), Contains("exit status 3") && Contains("it says 'broken'"));
  CHECK_THROWS_WITH(run_command({"sh", "-c", "kill -9 $$"}, {}, "x"), Contains("killed by signal 9 (Killed)"));
}

TEST_CASE("process: limits of time and output stop the command and its children", "[core][base]") {
  CommandOptions options;
  options.max_seconds = 0.2;
  const double seconds = seconds_of([&] {
    CHECK_THROWS_WITH(run_command({"sh", "-c", "sleep 30 & sleep 30"}, options, "x"), Contains("did not end within 200 ms and was stopped"));
    CHECK_THROWS_WITH(run_command({"sh", "-c", "exec >&- 2>&-; sleep 30"}, options, "x"), Contains("did not end within"));
  });
  CHECK(seconds < 25.0);  // far from the 30 s of the sleepers, however busy the machine
  options = {};
  options.max_output_bytes = 1000;
  CHECK_THROWS_WITH(run_command({"yes"}, options, "x"), Contains("wrote more than 1000 B"));
  CHECK(run_command({"sh", "-c", "yes | head -c 300000 >&2"}, options, "x").err.size() == 65536);
}

TEST_CASE("process: commands are shown with odd arguments quoted", "[core][base]") {
  CHECK(command_text({"bible", "-f", "Genesis 1", ""}) == "bible -f 'Genesis 1' ''");
}

TEST_CASE("process: a child's end, output and use of resources are known", "[core][base]") {
  const ScratchDirectory scratch;
  SpawnOptions options;
  options.output = scratch / "console.txt";
  options.environment = {{"SYMPHONY_TEST", "yes"}};
  Child child = Child::spawn({"sh", "-c", "echo $SYMPHONY_TEST; echo err >&2; exit 7"}, options);
  CHECK(child.wait().status == 7);
  CHECK_FALSE(child.wait().ok());
  CHECK(child.wait().text() == "exit status 7");
  CHECK(child.wait().peak_memory_bytes > 0);
  CHECK(read_text(scratch / "console.txt") == "yes\nerr\n");
  CHECK_THROWS_WITH(Child::spawn({"no-such-program-here"}), Contains("was not found"));
}

TEST_CASE("process: the first of several children to end is found", "[core][base]") {
  Child slow = Child::spawn({"sleep", "30"});
  Child fast = Child::spawn({"true"});
  Child* const children[] = {&slow, &fast};
  CHECK(wait_any(children, 25.0) == 1);
  CHECK(fast.poll()->ok());
  Child* const rest[] = {&slow};
  CHECK_FALSE(wait_any(rest, 0.02));
  CHECK_FALSE(slow.poll());
  slow.send(SIGTERM);
  CHECK(slow.wait().signal == SIGTERM);
  CHECK_NOTHROW(slow.send(SIGTERM));
  CHECK_FALSE(wait_any({}, 10.0));
}

TEST_CASE("process: a child that is dropped does not live on", "[core][base]") {
  pid_t pid = -1;
  {
    Child child = Child::spawn({"sleep", "30"});
    pid = child.pid();
    CHECK(::kill(pid, 0) == 0);
    Child replaced = Child::spawn({"true"});
    replaced = std::move(child);
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("process: this process knows its file and what it has used", "[core][base]") {
  CHECK(own_executable().filename() == "test_base");
  volatile double sink = 0;
  const double before = own_usage().cpu_seconds;
  while (own_usage().cpu_seconds < before + 0.02) sink = sink + 1;
  CHECK(own_usage().peak_memory_bytes > (std::uint64_t{1} << 20));
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)  // which brings an allocator of its own
TEST_CASE("process: large blocks go back to the system whatever was allocated after them", "[core][base]") {
  return_large_blocks();
  constexpr std::size_t kBlock = 16 << 20;
  const auto touched = [](std::size_t size) {
    auto block = std::make_unique<char[]>(size);
    for (std::size_t place = 0; place < size; place += 1024) static_cast<volatile char*>(block.get())[place] = 1;
    return block;
  };
  touched(kBlock);  // the allocator raises its own threshold to the size of what is freed
  auto block = touched(kBlock);
  const auto after = touched(100000);  // would hold the end of the heap in its place
  const std::uint64_t with = own_anonymous_bytes();
  block.reset();
  CHECK(own_anonymous_bytes() + kBlock / 2 < with);
}
#endif
