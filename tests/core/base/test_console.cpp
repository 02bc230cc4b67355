// Progress lines against a clock of the test's own, and the three forms of a table.
#include <catch2/catch.hpp>

#include <sstream>
#include <thread>

#include "core/base/console.hpp"
#include "core/base/error.hpp"

using namespace symphony;

TEST_CASE("console: plain lines come at most every ten seconds, and one at the end", "[core][base]") {
  std::ostringstream out;
  double now = 100.0;
  {
    Progress progress("train", 500, "steps", ConsoleMode::plain, out, [&] { return now; });
    progress.update(1);
    now += 9;
    progress.update(100);
    now += 1;
    progress.update(125, "loss 2.5");
    now += 2;
    progress.update(300);
    CHECK(out.str() == "train: 125/500 steps (25%), 12.5 steps/s, 30.0 s left; loss 2.5\n");
    now += 8;
    progress.update(500);
    progress.finish();
    progress.update(7);
  }
  CHECK(out.str() ==
        "train: 125/500 steps (25%), 12.5 steps/s, 30.0 s left; loss 2.5\n"
        "train: 500/500 steps (100%), 25 steps/s\n"
        "train: 500/500 steps (100%), 25 steps/s, took 20.0 s\n");
}

TEST_CASE("console: a terminal's line is rewritten and wiped", "[core][base]") {
  std::ostringstream out;
  double now = 0.0;
  Progress progress("read", 0, "bytes", ConsoleMode::terminal, out, [&] { return now; });
  now = 0.5;
  progress.update(1000, "note");
  now = 0.55;
  progress.update(1001);
  now = 1.0;
  progress.update(2000);
  progress.finish();
  CHECK(out.str() == "\rread: 1000 bytes, 2000 bytes/s; note\rread: 2000 bytes, 2000 bytes/s      \rread: 2000 bytes, 2000 bytes/s, took 1.0 s\n");
}

TEST_CASE("console: quiet means nothing, and threads may report together", "[core][base]") {
  std::ostringstream out;
  {
    Progress quiet("x", 10, "y", ConsoleMode::quiet, out, [] { return 0.0; });
    quiet.update(5);
  }
  CHECK(out.str().empty());
  double now = 0.0;
  Progress progress("x", 100, "y", ConsoleMode::plain, out, [&] { return now; });
  std::vector<std::thread> threads;
  for (int thread_idx = 0; thread_idx < 4; ++thread_idx)
    threads.emplace_back([&] {
      for (int step = 0; step < 100; ++step) progress.update(step);
    });
  for (std::thread& thread : threads) thread.join();
  progress.finish();
  CHECK(out.str() == "x: 99/100 y (99%)\n");
}

TEST_CASE("table: columns align, by code points", "[core][base]") {
  Table table({"name", "value", "n"});
  table.add_row({"caf\xC3\xA9", "1.25", "3"});
  table.add_row({"a", "-10.5", ""});
  CHECK(table.text() ==
        "name  value  n\n"
        "----  -----  -\n"
        "caf\xC3\xA9   1.25  3\n"
        "a     -10.5\n");
  CHECK(table.num_rows() == 2);
}

TEST_CASE("table: Markdown and CSV escape their own marks", "[core][base]") {
  Table table({"a", "b"}, {Table::Align::right, Table::Align::left});
  table.add_row({"x|y", "say \"hi\", twice"});
  CHECK(table.markdown() == "| a | b |\n|---:|---|\n| x\\|y | say \"hi\", twice |\n");
  CHECK(table.csv() == "a,b\nx|y,\"say \"\"hi\"\", twice\"\n");
}

TEST_CASE("table: a row of another length is our own bug", "[core][base]") {
  Table table({"a", "b"});
  CHECK_THROWS_AS(table.add_row({"x"}), Error);
}

TEST_CASE("stopwatch: both clocks go forward with work", "[core][base]") {
  const Stopwatch watch;
  volatile double sink = 0;
  while (watch.cpu_seconds() < 0.02) sink = sink + 1;
  CHECK(watch.wall_seconds() > 0.0);
}
