// record.h5: arrays, axes, notes, and what is refused.
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/log/record_file.hpp"
#include "core/log/run_file.hpp"
#include "core/log/run_reader.hpp"
#include "sample_run.hpp"
#include "temporary_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

const std::vector<RecordAxis> kAxes{{"layer", 2, {}, {3.0, 4.0}}, {"expert", 3, {"a", "b", "c"}, {}}};
const std::vector<float> kValues{1, 2, 3, 4, 5, 6};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

TEST_CASE("log: an array recorded by a stage is read back from the run that absorbed it", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    record.array({"routing/load", "1", "share"}, kAxes, kValues);
    record.scalar({"tokens", "tokens", "seen"}, 12.5);
  }
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "evaluation/step_0");
  const RunReader run(folder / "run.h5");
  CHECK(run.values("evaluation/step_0/routing/load") == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(run.shape("evaluation/step_0/routing/load") == std::vector<std::size_t>{2, 3});
  CHECK(run.values("evaluation/step_0/routing/layer") == std::vector<double>{3, 4});
  CHECK(run.scalar("evaluation/step_0/tokens") == 12.5);
  CHECK_FALSE(run.scalar("evaluation/step_0/absent"));
}

TEST_CASE("log: a second array of the same name is refused", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  record.array({"load", "1", "share"}, kAxes, kValues);
  CHECK_THROWS_WITH(record.array({"load", "1", "share"}, kAxes, kValues), Contains("/load: the name is taken"));
  record.note("method", "none");
  CHECK_THROWS_WITH(record.note("method", "none"), Contains("already there"));
}

TEST_CASE("log: values that do not fill the axes are refused with both numbers", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  CHECK_THROWS_WITH(record.array({"load", "1", "share"}, kAxes, std::vector<float>(5)), "load: got 5 values, expected 6 for axes of shape [2, 3]");
}

TEST_CASE("log: one axis name means the same coordinates within a group", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  record.array({"load", "1", "share"}, kAxes, kValues);
  const auto attempt = [&](RecordAxis axis, std::string name) {
    record.array({std::move(name), "1", "share"}, std::vector<RecordAxis>{axis}, std::vector<float>(axis.size));
  };
  CHECK_THROWS_WITH(attempt({"expert", 2, {"a", "b"}, {}}, "other"), Contains("axis 'expert' has size 2, but 3 in this group"));
  CHECK_THROWS_WITH(attempt({"expert", 3, {"a", "b", "x"}, {}}, "other"), Contains("axis 'expert' has other coordinates"));
  CHECK_THROWS_WITH(attempt({"expert", 3, {}, {}}, "other"), Contains("axis 'expert' has other coordinates"));
  CHECK_THROWS_WITH(attempt({"layer", 2, {}, {3.0, 5.0}}, "other"), Contains("axis 'layer' has other coordinates"));
  CHECK_THROWS_WITH(attempt({"load", 3, {}, {}}, "other"), Contains("name of an array"));
  CHECK_THROWS_WITH(attempt({"n", 3, {"a"}, {}}, "other"), Contains("size 3 but 1 labels"));
  CHECK_THROWS_WITH(attempt({"n", 3, {}, {}}, "n"), Contains("cannot have the name of its axis"));
  CHECK_NOTHROW(attempt({"expert", 3, {"a", "b", "c"}, {}}, "other"));
  CHECK_NOTHROW(attempt({"expert", 2, {"a", "b"}, {}}, "elsewhere/other"));
}

TEST_CASE("log: a square matrix needs two axis names", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  const std::vector<RecordAxis> square{{"expert", 2, {}, {}}, {"expert", 2, {}, {}}};
  CHECK_THROWS_WITH(record.array({"similarity", "1", "CKA"}, square, std::vector<float>(4)), Contains("such as 'expert_2'"));
}

TEST_CASE("log: large arrays and empty axes come back as they were", "[core][log]") {
  const TemporaryFolder folder;
  std::vector<float> large(3 * 1000 * 700);
  for (std::size_t index = 0; index < large.size(); ++index) large[index] = static_cast<float>(index % 8191);
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    record.array({"large", "1", "chunked"}, std::vector<RecordAxis>{{"a", 3, {}, {}}, {"b", 1000, {}, {}}, {"c", 700, {}, {}}}, large);
    record.array({"empty", "1", "nothing"}, std::vector<RecordAxis>{{"none", 0, {}, {}}}, std::vector<float>());
  }
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  const RunReader run(folder / "run.h5");
  CHECK(run.values("x/large") == std::vector<double>(large.begin(), large.end()));
  CHECK(run.values("x/empty").empty());
}

TEST_CASE("log: a scoped recorder puts names under its group", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    const auto scoped = record.scoped("suite");
    scoped->scalar({"n", "1", "count"}, 3);
    scoped->array({"deep/load", "1", "share"}, kAxes, kValues);
    scoped->note("version", "1");
  }
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  const RunReader run(folder / "run.h5");
  CHECK(run.scalar("x/suite/n") == 3.0);
  CHECK(run.shape("x/suite/deep/load") == std::vector<std::size_t>{2, 3});
}

TEST_CASE("log: equal records are equal files", "[core][log]") {
  const TemporaryFolder folder;
  const auto write = [&](const char* name) {
    RecordFile record = RecordFile::create(folder / name);
    record.array({"routing/load", "1", "share"}, kAxes, kValues);
    record.note("routing/method", "top_k");
  };
  write("a.h5");
  write("b.h5");
  CHECK((bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5")));
}

TEST_CASE("log: errors name the file and carry HDF5's own message", "[core][log]") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(RecordFile::append(folder / "absent.h5"), DataError);
  CHECK_THROWS_WITH(RecordFile::append(folder / "absent.h5"), Contains("absent.h5: opening the file failed: ") && Contains("No such file"));
  std::ofstream(folder / "text.h5") << "no HDF5 at all";
  CHECK_THROWS_WITH(RunReader(folder / "text.h5"), Contains("signature not found"));
}

TEST_CASE("log: between two flushes the bytes of the last flush stay as they are", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  record.note("old/first", "1");
  record.flush();
  const std::string flushed = bytes_of(folder / "record.h5");
  record.note("old/second", "2");
  // 6 MiB of metadata, three times what HDF5's cache holds by default: it would evict the changed header of `old`.
  for (int number = 0; number < 400; ++number) record.note("new/note_" + std::to_string(number), std::string(16384, 'x'));
  CHECK((bytes_of(folder / "record.h5").substr(0, flushed.size()) == flushed));
  record.flush();
  CHECK((bytes_of(folder / "record.h5").substr(0, flushed.size()) != flushed));
}

TEST_CASE("log: nothing exists below a dataset", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile::create(folder / "record.h5").array({"suite/in_domain", "1", "share"}, kAxes, kValues);
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  const RunReader run(folder / "run.h5");
  CHECK(run.has("x/suite/in_domain"));
  CHECK_FALSE(run.has("x/suite/in_domain/item_acc"));
  CHECK_FALSE(run.has("x/absent/item_acc"));
}
