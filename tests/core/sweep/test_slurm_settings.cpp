// What an experiment file may ask of Slurm.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/schema.hpp"
#include "core/sweep/slurm_settings.hpp"

using namespace symphony;

namespace {

/// "time: got ..." for every mistake.
std::vector<std::string> mistakes(const SlurmSettings& settings) {
  std::vector<std::string> lines;
  for (const SchemaIssue& issue : check_slurm(settings)) lines.push_back(path_text(issue.path) + ": " + issue.message);
  return lines;
}

}  // namespace

TEST_CASE("slurm: every form of a wall time counts as sbatch counts it", "[core][sweep]") {
  CHECK(slurm_seconds("90") == 90 * 60);
  CHECK(slurm_seconds("90:30") == 90 * 60 + 30);
  CHECK(slurm_seconds("1:30:05") == 5405);
  CHECK(slurm_seconds("2-12") == 60 * 3600);
  CHECK(slurm_seconds("2-12:30") == 60 * 3600 + 30 * 60);
  CHECK(slurm_seconds("2-12:30:01") == 60 * 3600 + 30 * 60 + 1);
}

TEST_CASE("slurm: other text is no wall time", "[core][sweep]") {
  for (const char* text : {"", "90m", "1:2:3:4", "1-", "-1", "1-2-3", "1:", ":30", "1.5", "1 h", "999999999"}) {
    CAPTURE(text);
    CHECK(slurm_seconds(text) == std::nullopt);
  }
}

TEST_CASE("slurm: the defaults are right, and so are ordinary settings", "[core][sweep]") {
  CHECK(mistakes({}).empty());
  SlurmSettings settings;
  settings.partition = "short,long";
  settings.time = "1-00:00:00";
  settings.memory = "8G";
  settings.options = {"--account=moe", "--exclusive", "--comment=two words"};
  CHECK(mistakes(settings).empty());
}

TEST_CASE("slurm: each wrong setting is told with what was expected", "[core][sweep]") {
  SlurmSettings settings;
  settings.partition = "a b";
  settings.time = "two hours";
  settings.memory = "8GB";
  settings.options = {"-A moe", "--x=\n#SBATCH --y"};
  const auto lines = mistakes(settings);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "partition: got 'a b', expected a partition's name (see sinfo)");
  CHECK_THAT(lines[1], Catch::StartsWith("memory: got '8GB', expected a whole number and K, M, G or T"));
  CHECK(lines[2] == "options: got '-A moe', expected long options of sbatch, such as --account=moe");
  CHECK_THAT(lines[3], Catch::StartsWith("options: got '--x="));
  CHECK_THAT(lines[4], Catch::StartsWith("time: got 'two hours', expected MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS"));
}

TEST_CASE("slurm: a wall time must leave room for the notice", "[core][sweep]") {
  SlurmSettings settings;
  settings.time = "3";
  CHECK(mistakes(settings) == std::vector<std::string>{"time: got '3', which is 3 min 00 s; expected more than a minute above slurm.notice, which is 2 min 00 s"});
  settings.time = "3:01";
  CHECK(mistakes(settings).empty());
}
