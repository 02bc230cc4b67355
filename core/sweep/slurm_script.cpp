// #SBATCH lines, then a shell that stands between Slurm's signals and the runner.
//
// The runner saves and stops at the first TERM (exit status 130) and dies at the second, so exactly one may reach it. Two things send signals:
// the notice before the time limit goes to the shell alone (--signal=B:...), as USR1, which the shell turns into TERM; scancel and preemption
// send TERM to all processes of the task, the runner among them, so there the shell adds nothing. Only after the notice does the task put itself
// back into the queue: a task that was cancelled must stay so, and one that was preempted is requeued by Slurm itself.
#include "core/sweep/slurm_script.hpp"

#include <fmt/format.h>

namespace symphony {

namespace {

constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./=:,+@%";

bool is_plain(std::string_view text) { return !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos; }

/// As sbatch reads the words of a #SBATCH line: quotes hold blanks, a backslash escapes anywhere.
std::string sbatch_word(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string word = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    word += c;
  }
  return word + '"';
}

/// A folder within a file name pattern of sbatch, where '%' begins a placeholder.
std::string literal_pattern(const std::string& folder) {
  std::string pattern;
  for (const char c : folder) pattern += c == '%' ? std::string("%%") : std::string(1, c);
  return pattern;
}

std::string directives(const SlurmArray& array, const SlurmContext& context) {
  const SlurmSettings& settings = context.settings;
  std::string text;
  const auto add = [&text](std::string_view option, std::string_view value) {
    text += fmt::format("#SBATCH --{}{}{}\n", option, value.empty() ? "" : "=", value.empty() ? "" : sbatch_word(value));
  };
  const std::string throttle = settings.throttle > 0 ? fmt::format("%{}", settings.throttle) : "";
  add("job-name", context.experiment);
  add("array", fmt::format("0-{}{}", array.tasks.size() - 1, throttle));
  add("output", literal_pattern(context.console_folder.string()) + "/%A_%a.txt");
  add("open-mode", "append");
  add("chdir", context.working_directory.string());
  add("ntasks", "1");
  add("cpus-per-task", std::to_string(settings.cpus));
  if (!settings.partition.empty()) add("partition", settings.partition);
  if (!settings.time.empty()) add("time", settings.time);
  if (!settings.memory.empty()) add("mem", settings.memory);
  if (settings.gpus > 0) add("gres", fmt::format("gpu:{}", settings.gpus));
  add("signal", fmt::format("B:USR1@{}", settings.notice));
  add("requeue", "");
  for (const std::string& option : settings.options) {
    const std::size_t equals = option.find('=');
    add(option.substr(2, equals == std::string::npos ? equals : equals - 2), equals == std::string::npos ? "" : option.substr(equals + 1));
  }
  return text;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string slurm_script(const SlurmArray& array, const SlurmContext& context) {
  std::string text = "#!/bin/bash\n";
  text += fmt::format("# {}: {}; the tasks are listed below.\n", context.experiment, array.what);
  text += directives(array, context);
  text += fmt::format(R"(
# Slurm's notice before the time limit (USR1) reaches this shell alone: it asks the runner to save and stop, and puts the task back into the
# queue. On scancel and preemption the runner gets TERM from Slurm itself, and this shell only waits for it.
out_of_time=no
signalled=yes
trap 'out_of_time=yes; signalled=yes; kill -TERM "$worker"' USR1
trap 'signalled=yes' TERM

{} --plan {} --index $(({} + SLURM_ARRAY_TASK_ID)) &
worker=$!
while [ $signalled = yes ]; do  # a signal ends wait before the runner has ended
  signalled=no
  wait "$worker"
  status=$?
done

# The runner ends with 130 when it stopped on request.
if [ $out_of_time = yes ] && [ $status = 130 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {} ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit $status

)",
                      shell_word(context.runner.string()), shell_word(context.plan_file.string()), array.first, context.settings.restarts);
  for (std::size_t task = 0; task < array.tasks.size(); ++task) text += fmt::format("# task {}: {}\n", task, array.tasks[task]);
  return text;
}

}  // namespace symphony
