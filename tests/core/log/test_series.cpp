// Training curves: buffering, order, resumption.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/log/run_file.hpp"
#include "core/log/run_reader.hpp"
#include "core/log/series.hpp"
#include "sample_run.hpp"
#include "temporary_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

const std::vector<RecordInfo> kColumns{{"loss", "nats", "mean"}, {"rate", "1", "learning rate"}};

std::vector<double> column_of(const TemporaryFolder& folder, const std::string& column) {
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  return RunReader(folder / "run.h5").values("x/series/" + column);
}

}  // namespace

TEST_CASE("log: a series keeps every row across flushes by count", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    Series series(record, "series", kColumns, {7, 1e9});
    for (int step = 0; step < 2500; ++step) series.append(step, {static_cast<float>(step) * 0.5F, 1.0F});
    CHECK(series.size() == 2500);
    series.flush();
  }
  const std::vector<double> loss = column_of(folder, "loss");
  REQUIRE(loss.size() == 2500);
  for (std::size_t step = 0; step < loss.size(); ++step) REQUIRE(loss[step] == 0.5 * static_cast<double>(step));
}

TEST_CASE("log: a row is not written before the flush", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  Series series(record, "series", kColumns, {100, 1e9});
  const auto size_before = std::filesystem::file_size(folder / "record.h5");
  series.append(0, {1.0F, 2.0F});
  CHECK(std::filesystem::file_size(folder / "record.h5") == size_before);
  series.flush();
  CHECK(std::filesystem::file_size(folder / "record.h5") > size_before);
}

TEST_CASE("log: a resumed series drops what came after its checkpoint", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    Series series(record, "series", kColumns);
    for (int step = 10; step <= 50; step += 10) series.append(step, {static_cast<float>(step), 0.0F});
    series.flush();
  }
  {
    RecordFile record = RecordFile::append(folder / "record.h5");
    Series series = Series::resume(record, "series", kColumns, 30);
    CHECK(series.size() == 3);
    CHECK_THROWS_WITH(series.append(30, {1.0F, 1.0F}), Contains("got step 30 after step 30"));
    series.append(40, {-40.0F, 0.0F});
    series.flush();
  }
  CHECK(column_of(folder, "loss") == std::vector<double>{10, 20, 30, -40});
}

TEST_CASE("log: resuming where there is no series starts one", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  CHECK(Series::resume(record, "series", kColumns, 30).size() == 0);
}

TEST_CASE("log: a series refuses other columns and steps that do not increase", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  {
    Series series(record, "series", kColumns);
    CHECK_THROWS_WITH(series.append(0, {1.0F}), Contains("got 1 values, expected one for each of 2 columns"));
    series.append(5, {1.0F, 1.0F});
    CHECK_THROWS_WITH(series.append(5, {1.0F, 1.0F}), Contains("steps must increase"));
  }
  CHECK_THROWS_AS(Series::resume(record, "series", {{"loss", "nats", ""}}, 5), DataError);
  CHECK_THROWS_AS(Series::resume(record, "series", {{"loss", "nats", ""}, {"other", "1", ""}}, 5), DataError);
  CHECK_THROWS_AS(Series(record, "series", kColumns), DataError);
}
