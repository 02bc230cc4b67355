// The three forms of a table, and the stopwatch.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/stopwatch.hpp"
#include "core/base/table.hpp"

using namespace symphony;

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
