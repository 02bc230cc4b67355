// run.h5: what is written comes back, and survives a killed writer.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/log/index_file.hpp"
#include "core/log/record_file.hpp"
#include "core/log/run_reader.hpp"
#include "core/log/series.hpp"
#include "core/log/status_file.hpp"
#include "sample_run.hpp"
#include "temporary_folder.hpp"

using namespace symphony;
using Catch::Contains;

TEST_CASE("log: a run file gives back its attributes, rows, stages and plugins", "[core][log]") {
  const TemporaryFolder folder;
  write_sample_run(folder / "", "none-s1", "none");
  const RunReader run(folder / "none-s1/run.h5");
  const RunSummary summary = run.summary();
  CHECK(summary.run_id == "none-s1");
  CHECK(summary.variant == "none");
  CHECK(summary.seed == 1);
  CHECK(summary.status == "finished");
  CHECK(run.config() == "name: sample\nseeds: [1]\n");
  const std::vector<EvaluationRow> rows = run.evaluation();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].moment == "step_0");
  CHECK(rows[0].value == 2.25);
  CHECK(rows[0].better == "lower");
  CHECK(rows[1].task == "layer 0");
  CHECK(std::isnan(rows[1].std_error));
  REQUIRE(run.stages().size() == 2);
  CHECK(run.stages()[0].cached);
  CHECK(run.stages()[1].name == "train router");
  REQUIRE(run.plugins().size() == 2);
  CHECK(run.plugins()[1].revision == 2);
  CHECK(run.note("alignment", "method") == "activation_matching");
  CHECK(run.note("alignment/ffn", "kind") == "permutation");
  CHECK_FALSE(run.note("alignment", "approximate"));
  CHECK_FALSE(run.note("no/such/group", "method"));
}

TEST_CASE("log: a record is absorbed once, without its evaluation rows", "[core][log]") {
  const TemporaryFolder folder;
  write_sample_run(folder / "", "a", "none");
  RunFile run = RunFile::append(folder / "a/run.h5");
  CHECK_THROWS_WITH(run.absorb(folder / "a/alignment.h5", "alignment"), Contains("alignment: the run already holds this group"));
  const std::vector<std::string> datasets = RunReader(folder / "a/run.h5").datasets();
  CHECK(std::count_if(datasets.begin(), datasets.end(), [](const std::string& path) { return path.ends_with("rows/metric"); }) == 1);
}

TEST_CASE("log: a run can be opened again and goes on", "[core][log]") {
  const TemporaryFolder folder;
  write_sample_run(folder / "", "a", "none");
  {
    RunFile run = RunFile::append(folder / "a/run.h5");
    CHECK(RunReader(folder / "a/run.h5").summary().status == "running");
    run.add_evaluation(std::vector<EvaluationRow>{{"model", "final", "s", 1, "t", "m", 1.0, 0.1, 3, "1", "higher"}});
    run.finish("failed", "no space");
  }
  const RunReader run(folder / "a/run.h5");
  CHECK(run.evaluation().size() == 3);
  CHECK(run.summary().message == "no space");
}

TEST_CASE("log: files of another schema or version are refused", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile::create(folder / "record.h5");
  CHECK_THROWS_WITH(RunReader(folder / "record.h5"), Contains("schema is 'symphony-record', expected 'symphony-run'"));
  CHECK_THROWS_AS(RunFile::append(folder / "record.h5"), DataError);
}

TEST_CASE("log: after SIGKILL the file holds what was flushed and nothing else", "[core][log]") {
  const TemporaryFolder folder;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t writer = fork();
  if (writer == 0) {
    RunFile run = RunFile::create(folder / "run.h5", sample_info("killed", "v"));
    RecordFile record = RecordFile::create(folder / "record.h5");
    Series series(record, "series", {{"loss", "nats", ""}}, {1000000, 1e9});
    for (int step = 0; step < 5000; ++step) series.append(step, {static_cast<float>(step)});
    series.flush();
    run.add_stage({"first", "k", false, 1.0, 1.0});
    run.flush();
    // From here on nothing is flushed.
    for (int number = 0; number < 200; ++number) {
      record.array({"later_" + std::to_string(number) + "/a", "1", ""}, std::vector<RecordAxis>{{"n", 4, {"a", "b", "c", "d"}, {}}}, std::vector<float>(4));
      run.add_stage({"later", "k", false, 1.0, 1.0});
    }
    if (::write(ready[1], "x", 1) != 1) _exit(1);
    pause();
  }
  char byte = 0;
  close(ready[1]);
  REQUIRE(read(ready[0], &byte, 1) == 1);
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  close(ready[0]);

  {
    const RunReader run(folder / "run.h5");
    CHECK(run.summary().status == "running");
    REQUIRE(run.stages().size() == 1);
    CHECK(run.stages()[0].name == "first");
  }
  RunFile::create(folder / "other.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  const RunReader other(folder / "other.h5");
  CHECK(other.values("x/series/loss").size() == 5000);
  CHECK(other.values("x/series/loss").back() == 4999);
  CHECK_NOTHROW(RunFile::append(folder / "run.h5").add_stage({"second", "k", false, 1.0, 1.0}));
  CHECK(RunReader(folder / "run.h5").stages().size() == 2);
}

TEST_CASE("log: the status file comes back as written", "[core][log]") {
  const TemporaryFolder folder;
  write_status(folder / "status.json", {"running", "r1", "train", "step 3 of \"9\"", "", 0, ""});
  const RunStatus status = read_status(folder / "status.json");
  CHECK(status.state == "running");
  CHECK(status.message == "step 3 of \"9\"");
  CHECK(status.pid == getpid());
  CHECK(status.heartbeat.size() == 20);
  write_status(folder / "status.json", {"failed", "r1", "", "bad byte \xff", "", 0, ""});
  CHECK(read_status(folder / "status.json").message == "bad byte ?");
  CHECK_THROWS_AS(read_status(folder / "absent.json"), DataError);
}

TEST_CASE("log: an index lists its runs relative to its own folder", "[core][log]") {
  const TemporaryFolder folder;
  write_sample_run(folder / "sweep", "b", "ffn");
  write_sample_run(folder / "sweep", "a", "none");
  write_index(folder / "sweep/index.h5", find_runs(folder / "sweep"));
  std::filesystem::rename(folder / "sweep", folder / "moved");
  const std::vector<IndexEntry> runs = read_index(folder / "moved/index.h5");
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].summary.run_id == "a");
  CHECK(runs[1].summary.variant == "ffn");
  CHECK(RunReader(runs[1].run_file).summary().run_id == "b");
}

TEST_CASE("log: the environment knows its compiler, processors and HDF5", "[core][log]") {
  const Environment environment = collect_environment();
  CHECK(environment.compiler.starts_with("g++ "));
  CHECK(environment.cpu_count >= 1);
  CHECK_FALSE(environment.host.empty());
  CHECK(environment.libraries[1].first == "hdf5");
  CHECK(environment.libraries[1].second.starts_with("1."));
  CHECK((environment.blas.empty() || environment.blas_parallel >= 0));
}

TEST_CASE("log: write, flush, write on and wait to be killed, for tests/analysis", "[.][killed]") {
  const std::filesystem::path folder = std::filesystem::path(SYMPHONY_BINARY_DIR) / "killed";
  std::filesystem::remove_all(folder);
  write_sample_run(folder, "r", "none");
  RunFile run = RunFile::append(folder / "r/run.h5");
  RecordFile record = RecordFile::create(folder / "record.h5");
  Series series(record, "series", {{"loss", "nats", ""}}, {1000000, 1e9});
  for (int step = 0; step < 1500; ++step) series.append(step, {static_cast<float>(step)});
  series.flush();
  series.append(1500, {1500.0F});
  record.note("series/later", "not flushed");
  run.absorb(folder / "r/evaluation.h5", "evaluation/final");
  run.add_stage({"later", "k", false, 1.0, 1.0});
  std::puts("ready");
  std::fflush(stdout);
  pause();
}
