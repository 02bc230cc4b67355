// The text of an sbatch script.
#include <catch2/catch.hpp>

#include "core/base/process.hpp"
#include "core/sweep/slurm_script.hpp"

using namespace symphony;

namespace {

SlurmContext context() {
  SlurmContext context;
  context.settings.cpus = 2;
  context.experiment = "alignment";
  context.runner = "/opt/symphony/bin/runner";
  context.plan_file = "/results/alignment/.slurm/1/plan.json";
  context.console_folder = "/results/alignment/.slurm/1/console";
  context.working_directory = "/home/me";
  return context;
}

const SlurmArray kArray{"2 runs", 3, {"none.s1-abc", "ffn.s1-def"}};

}  // namespace

TEST_CASE("slurm: the script of an array is known to the letter", "[core][sweep]") {
  CHECK(slurm_script(kArray, context()) == R"(#!/bin/bash
# alignment: 2 runs; the tasks are listed below.
#SBATCH --job-name=alignment
#SBATCH --array=0-1
#SBATCH --output=/results/alignment/.slurm/1/console/%A_%a.txt
#SBATCH --open-mode=append
#SBATCH --chdir=/home/me
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --signal=B:USR1@120
#SBATCH --requeue

# Slurm's notice before the time limit (USR1) reaches this shell alone: it asks the runner to save and stop, and puts the task back into the
# queue. On scancel and preemption the runner gets TERM from Slurm itself, and this shell only waits for it.
out_of_time=no
signalled=yes
trap 'out_of_time=yes; signalled=yes; kill -TERM "$worker"' USR1
trap 'signalled=yes' TERM

/opt/symphony/bin/runner --plan /results/alignment/.slurm/1/plan.json --index $((3 + SLURM_ARRAY_TASK_ID)) &
worker=$!
while [ $signalled = yes ]; do  # a signal ends wait before the runner has ended
  signalled=no
  wait "$worker"
  status=$?
done

# The runner ends with 130 when it stopped on request.
if [ $out_of_time = yes ] && [ $status = 130 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit $status

# task 0: none.s1-abc
# task 1: ffn.s1-def
)");
}

TEST_CASE("slurm: every setting is a line of the script", "[core][sweep]") {
  SlurmContext all = context();
  all.settings = {.partition = "short", .time = "1:30:00", .cpus = 4, .memory = "8G", .gpus = 1, .throttle = 7, .notice = 90, .restarts = 3,
                  .options = {"--account=moe", "--exclusive", "--comment=two words"}};
  const std::string script = slurm_script(kArray, all);
  for (const char* line : {"--array=0-1%7", "--cpus-per-task=4", "--partition=short", "--time=1:30:00", "--mem=8G", "--gres=gpu:1", "--signal=B:USR1@90",
                           "--account=moe", "--exclusive", "--comment=\"two words\""})
    CHECK_THAT(script, Catch::Contains("\n#SBATCH " + std::string(line) + "\n"));
  CHECK_THAT(script, Catch::Contains("-lt 3 ]"));
}

TEST_CASE("slurm: paths with blanks, quotes and percent signs reach sbatch and the shell whole", "[core][sweep]") {
  SlurmContext odd = context();
  odd.plan_file = "/a b/it's 5%/plan.json";
  odd.console_folder = "/a \"b\"/5%";
  const std::string script = slurm_script(kArray, odd);
  CHECK_THAT(script, Catch::Contains(R"(--plan '/a b/it'\''s 5%/plan.json' --index)"));
  CHECK_THAT(script, Catch::Contains(R"(#SBATCH --output="/a \"b\"/5%%/%A_%a.txt")"));
}

TEST_CASE("slurm: a shell reads a word back as it was", "[core][sweep]") {
  for (const std::string text : {"plain", "two words", "it's", "$HOME `x` \\ \" ! * ~", "", "-n", "new\nline"}) {
    CAPTURE(text);
    CHECK(run_command({"bash", "-c", "printf %s " + shell_word(text)}, {}, "bash").out == (text == "-n" ? "-n" : text));
  }
}

TEST_CASE("slurm: bash finds no mistake in the script", "[core][sweep]") {
  CommandOptions options;
  options.input = slurm_script(kArray, context());
  CHECK(run_command({"bash", "-n"}, options, "bash").err.empty());
}
