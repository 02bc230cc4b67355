// What is said of Slurm, in the file and on the command line.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/config/document.hpp"
#include "core/sweep/slurm_section.hpp"

using namespace symphony;

namespace {

std::string mistakes(const std::string& text) {
  Node document = parse_document(text, "e.yaml");
  Mistakes mistakes;
  take_slurm_section(document, mistakes);
  try {
    mistakes.raise();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

SlurmSettings settings(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Node document = parse_document(text, "e.yaml");
  apply_slurm_overrides(document, overrides);
  Mistakes mistakes;
  const SlurmSettings settings = take_slurm_section(document, mistakes);
  mistakes.raise();
  CHECK(document.find("slurm") == nullptr);
  return settings;
}

}  // namespace

TEST_CASE("slurm: the section is used up, and may say time and memory as numbers", "[core][sweep]") {
  const SlurmSettings read = settings("slurm: { time: 1:30:00, memory: 4096, options: --account=moe }\n");
  CHECK(read.time == "1:30:00");
  CHECK(read.memory == "4096");
  CHECK(read.options == std::vector<std::string>{"--account=moe"});
  CHECK(settings("slurm: { time: 90 }\n").time == "90");
  CHECK(settings("name: x\n").time.empty());
}

TEST_CASE("slurm: the command line sets what the file has and what it has not", "[core][sweep]") {
  const SlurmSettings read = settings("slurm: { time: 90 }\n", {"slurm.time=2:00:00", "slurm.throttle=4", "+slurm.cpus=2"});
  CHECK(read.time == "2:00:00");
  CHECK(read.throttle == 4);
  CHECK(read.cpus == 2);
  CHECK(settings("name: x\n", {"slurm.time=90"}).time == "90");
}

TEST_CASE("slurm: other overrides are left to others", "[core][sweep]") {
  Node document = parse_document("slurm: { time: 90 }\n", "e.yaml");
  const std::vector<std::string> others{"router.k=1", "+a.b=2", "~slurm.time", "slurmy.x=1"};
  CHECK(apply_slurm_overrides(document, others) == others);
}

TEST_CASE("slurm: mistakes are told at their places", "[core][sweep]") {
  CHECK_THAT(mistakes("slurm: { tiem: 3 }\n"), Catch::StartsWith("e.yaml:1:10: slurm.tiem: unknown key 'tiem'; did you mean 'time'?"));
  CHECK_THAT(mistakes("slurm: { time: soon }\n"), Catch::StartsWith("e.yaml:1:16: slurm.time: got 'soon', expected MINUTES"));
  CHECK_THAT(mistakes("slurm: { cpus: -1 }\n"), Catch::StartsWith("e.yaml:1:16: slurm.cpus: got -1, expected between 0 and 4096"));
  CHECK_THAT(mistakes("slurm: 3\n"), Catch::StartsWith("e.yaml:1:8: slurm: expected a map of settings, got the number 3"));
}
