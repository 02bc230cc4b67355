// Whole or not at all: writing, committing, locking.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {
std::size_t num_entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}
}  // namespace

TEST_CASE("files: what was written is read, and nothing else is left", "[core][base]") {
  const ScratchDirectory scratch;
  const std::string bytes("a\0b\n", 4);
  atomic_write(scratch / "x", "first");
  atomic_write(scratch / "x", bytes);
  CHECK(read_text(scratch / "x") == bytes);
  atomic_write(scratch / "x", "");
  CHECK(read_text(scratch / "x").empty());
  CHECK(num_entries(scratch.path()) == 1);
}

TEST_CASE("files: a reader never sees half of a file", "[core][base]") {
  const ScratchDirectory scratch;
  const auto path = scratch / "x";
  atomic_write(path, std::string(100000, 'a'));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int round = 0; round < 40; ++round) atomic_write(path, std::string(100000, round % 2 ? 'a' : 'b'));
    done = true;
  });
  std::size_t bad = 0, reads = 0;
  while (!done || reads == 0) {
    const std::string text = read_text(path);
    bad += text.size() != 100000 || text.find_first_not_of(text[0]) != std::string::npos;
    ++reads;
  }
  writer.join();
  CHECK(bad == 0);
}

TEST_CASE("files: reading refuses what is missing, too large or no file", "[core][base]") {
  const ScratchDirectory scratch;
  CHECK_THROWS_WITH(read_text(scratch / "none"), Contains("none: cannot be opened: No such file"));
  CHECK_THROWS_WITH(read_text(scratch.path()), Contains("is not a regular file"));
  atomic_write(scratch / "x", std::string(2048, 'a'));
  CHECK(read_text(scratch / "x", 2048).size() == 2048);
  CHECK_THROWS_WITH(read_text(scratch / "x", 2047), Contains("is too large, got 2.0 KiB, expected at most 2.0 KiB"));
  CHECK_THROWS_AS(read_text(scratch / "x", 1), DataError);
  CHECK_FALSE(read_text("/proc/self/status").empty());  // claims a size of 0
}

TEST_CASE("files: a failed write leaves the old content and no temporary file", "[core][base]") {
  const ScratchDirectory scratch;
  CHECK_THROWS_WITH(atomic_write(scratch / "no" / "x", "y"), Contains("cannot be created: No such file"));
  fs::create_directories(scratch / "folder" / "inside");
  CHECK_THROWS_WITH(atomic_write(scratch / "folder", "y"), Contains("cannot be put in place"));
  CHECK(num_entries(scratch.path()) == 1);
}

TEST_CASE("files: a folder is committed whole and replaces an older one", "[core][base]") {
  const ScratchDirectory scratch;
  for (const std::string content : {"old", "new"}) {
    const auto folder = make_temporary_directory(scratch / "cache", "stage");
    fs::create_directory(folder / "deep");
    atomic_write(folder / "deep" / "x", content);
    fs::create_symlink("nowhere", folder / "dangling");
    if (content == "old") atomic_write(folder / "only_old", "");
    commit_directory(folder, scratch / "cache" / "key");
    CHECK(read_text(scratch / "cache" / "key" / "deep" / "x") == content);
    CHECK(num_entries(scratch / "cache") == 1);
  }
  CHECK_FALSE(fs::exists(scratch / "cache" / "key" / "only_old"));
  CHECK_THROWS_AS(commit_directory(scratch / "none", scratch / "cache" / "key"), DataError);
}

TEST_CASE("files: temporary folders are new every time", "[core][base]") {
  const ScratchDirectory scratch;
  const auto first = make_temporary_directory(scratch / "a" / "b", "run");
  const auto second = make_temporary_directory(scratch / "a" / "b", "run");
  CHECK(first != second);
  CHECK(fs::is_empty(first));
  CHECK(first.filename().string().starts_with("run."));
}

TEST_CASE("files: removing a tree twice is no error", "[core][base]") {
  const ScratchDirectory scratch;
  fs::create_directories(scratch / "a" / "b" / "c");
  remove_tree(scratch / "a");
  CHECK_FALSE(fs::exists(scratch / "a"));
  CHECK_NOTHROW(remove_tree(scratch / "a"));
}

TEST_CASE("files: free space is told for paths that do not exist yet", "[core][base]") {
  const ScratchDirectory scratch;
  CHECK(free_disk_bytes(scratch.path()) > 0);
  CHECK(free_disk_bytes(scratch / "not" / "yet") > 0);
  CHECK(free_disk_bytes("relative_and_missing") > 0);
}

TEST_CASE("files: a lock excludes, and is free after its holder", "[core][base]") {
  const ScratchDirectory scratch;
  const auto path = scratch / "lock";
  CHECK_FALSE(FileLock::is_held(path));
  CHECK_FALSE(std::filesystem::exists(path));
  auto first = FileLock::try_acquire(path);
  REQUIRE(first);
  CHECK(FileLock::is_held(path));
  CHECK_FALSE(FileLock::try_acquire(path));
  FileLock moved = std::move(*first);
  first.reset();
  CHECK_FALSE(FileLock::try_acquire(path));
  { const FileLock released = std::move(moved); }
  CHECK_FALSE(FileLock::is_held(path));
  CHECK(FileLock::try_acquire(path));
  CHECK_THROWS_WITH(FileLock::try_acquire(scratch / "no" / "lock"), Contains("cannot be opened as a lock"));
}

TEST_CASE("files: waiting for a lock names the holder once and then gets it", "[core][base]") {
  const ScratchDirectory scratch;
  const auto path = scratch / "lock";
  std::optional<FileLock> held = FileLock::acquire(path);
  std::atomic<int> announced{0};
  std::string holder;
  std::thread waiter([&] {
    const FileLock lock = FileLock::acquire(path, [&](const std::string& who) {
      holder = who;
      ++announced;
    });
  });
  while (announced == 0) std::this_thread::yield();
  held.reset();
  waiter.join();
  CHECK(announced == 1);
  CHECK(holder.starts_with("process " + std::to_string(::getpid()) + " on "));
  CHECK(FileLock::try_acquire(path));
}

TEST_CASE("files: a lock taken on a deleted file does not count", "[core][base]") {
  const ScratchDirectory scratch;
  const auto path = scratch / "lock";
  std::optional<FileLock> held = FileLock::acquire(path);
  std::atomic<bool> waiting{false};
  std::thread waiter([&] {
    const FileLock lock = FileLock::acquire(path, [&](const std::string&) { waiting = true; });
    CHECK(fs::exists(path));
    CHECK_FALSE(FileLock::try_acquire(path));
  });
  while (!waiting) std::this_thread::yield();
  fs::remove(path);
  held.reset();
  waiter.join();
}
