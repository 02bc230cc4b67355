// Waves of items, the folder of a submission, and the three commands of Slurm that are called: squeue, sbatch, scancel.
#include "core/sweep/slurm.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/sweep/job_status.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPlanFile = "plan.json";
constexpr const char* kSubmissionFile = "submission.json";

fs::path submissions_folder(const Plan& plan) { return plan.results / plan.experiment / ".slurm"; }

/// The place of every item in the order of arrays: a stage after the deepest stage that it waits for, a run after all stages.
std::vector<std::size_t> depths(const Plan& plan, const std::vector<bool>& done) {
  std::vector<std::size_t> depth(plan.items.size(), 0);
  std::size_t deepest_stage = 0;
  for (std::size_t item = 0; item < depth.size(); ++item) {  // what an item waits for comes before it
    if (done[item]) continue;
    for (const std::size_t needed : plan.items[item].after)
      if (!done[needed]) depth[item] = std::max(depth[item], depth[needed] + 1);
    if (plan.items[item].kind == PlanItem::Kind::stage) deepest_stage = std::max(deepest_stage, depth[item] + 1);
    else depth[item] = deepest_stage;
  }
  return depth;
}

std::string plural(std::size_t number, const char* one) { return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s"); }

SlurmContext context_of(const Plan& plan, const SlurmSettings& settings, const fs::path& folder) {
  return {settings, plan.experiment, own_executable(), folder / kPlanFile, folder / "console", fs::current_path()};
}

std::string script_name(std::size_t array) { return fmt::format("array{}.sh", array + 1); }

std::vector<std::string> sbatch_command(const fs::path& script, const std::vector<std::string>& after) {
  std::vector<std::string> command{"sbatch", "--parsable"};
  if (!after.empty()) command.push_back("--dependency=afterany:" + join(after, ":"));
  command.push_back(script.string());
  return command;
}

/// A new folder under the lowest free number.
fs::path make_submission_folder(const fs::path& parent) {
  fs::create_directories(parent);
  for (std::size_t number = 1;; ++number)
    if (fs::create_directory(parent / std::to_string(number))) return parent / std::to_string(number);
}

fs::path next_submission_folder(const fs::path& parent) {
  for (std::size_t number = 1;; ++number)
    if (!fs::exists(parent / std::to_string(number))) return parent / std::to_string(number);
}

/// "4711" of "4711;cluster"
std::string job_id(const std::string& out) {
  const std::string id = out.substr(0, out.find_first_of(";\n"));
  if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos)
    fail<DataError>("sbatch", "printed {}, expected the number of a job", quoted(out));
  return id;
}

void require_slurm() {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path ? path : "", ':'))
    if (fs::exists(fs::path(folder) / "sbatch")) return;
  fail<ConfigError>("--slurm", "no sbatch in PATH; run this where jobs are submitted to the cluster (Debian's slurm-client), or print the scripts with --dry-run");
}

/// "4711 3" for every task of this user that is pending or running.
std::set<std::string> active_tasks() {
  const std::string out = run_command({"squeue", "--me", "--array", "--noheader", "--format=%F %K"}, {}, "--slurm").out;
  std::set<std::string> tasks;
  for (std::string line : split(out, '\n')) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (!line.empty()) tasks.insert(std::move(line));
  }
  return tasks;
}

void write_submission(const fs::path& folder, const SlurmPlan& plan, const std::vector<std::string>& jobs) {
  ValueList arrays;
  for (std::size_t array = 0; array < jobs.size(); ++array) {
    Value entry = ValueMap{};
    entry.set("job", jobs[array]);
    entry.set("first", static_cast<std::int64_t>(plan.arrays[array].first));
    entry.set("tasks", static_cast<std::int64_t>(plan.arrays[array].tasks.size()));
    arrays.push_back(std::move(entry));
  }
  Value tree = ValueMap{};
  tree.set("arrays", std::move(arrays));
  atomic_write(folder / kSubmissionFile, to_json(tree));
}

/// What the active tasks of a submission will compute, with their jobs.
void collect_queued(const fs::path& folder, const std::set<std::string>& active, std::map<std::string, std::string>& queued) {
  const Value submission = parse_json(read_text(folder / kSubmissionFile), (folder / kSubmissionFile).string());
  std::map<std::size_t, std::string> jobs;
  for (const Value& array : submission.find("arrays")->as_list())
    for (std::int64_t task = 0; task < array.find("tasks")->as_int(); ++task)
      if (const std::string& job = array.find("job")->as_string(); active.contains(fmt::format("{} {}", job, task)))
        jobs.emplace(static_cast<std::size_t>(array.find("first")->as_int() + task), job);
  if (jobs.empty()) return;
  const Plan plan = read_plan(folder / kPlanFile);
  for (const auto& [item, job] : jobs) queued.emplace(plan.item_id(plan.items.at(item)), job);
}

/// The items of `plan` that tasks of earlier submissions will still carry out, each with the job that does.
std::map<std::size_t, std::string> queued_items(const Plan& plan) {
  const auto active = active_tasks();
  std::map<std::string, std::string> queued;
  if (const fs::path parent = submissions_folder(plan); fs::exists(parent))
    for (const fs::directory_entry& entry : fs::directory_iterator(parent))
      if (fs::exists(entry.path() / kSubmissionFile)) collect_queued(entry.path(), active, queued);
  std::map<std::size_t, std::string> result;
  for (std::size_t item = 0; item < plan.items.size(); ++item)
    if (const auto found = queued.find(plan.item_id(plan.items[item])); found != queued.end()) result.emplace(item, found->second);
  return result;
}

/// The jobs among `queued` that compute what an item still to be submitted waits for.
std::vector<std::string> jobs_needed(const Plan& plan, const std::vector<bool>& done, const std::map<std::size_t, std::string>& queued) {
  std::set<std::string> jobs;
  for (std::size_t item = 0; item < done.size(); ++item)
    for (const std::size_t needed : plan.items[item].after)
      if (!done[item] && !queued.contains(item) && queued.contains(needed)) jobs.insert(queued.at(needed));
  return {jobs.begin(), jobs.end()};
}

/// Each array waits for the one before, the first for the jobs `after`.
void submit_arrays(const SlurmPlan& plan, const SlurmContext& context, std::vector<std::string> after, SlurmSubmission& submission) {
  fs::create_directories(context.console_folder);
  atomic_write(context.plan_file, plan_to_json(plan.plan));
  for (std::size_t array = 0; array < plan.arrays.size(); ++array) {
    const fs::path script = submission.folder / script_name(array);
    atomic_write(script, slurm_script(plan.arrays[array], context));
    submission.jobs.push_back(job_id(run_command(sbatch_command(script, after), {}, "--slurm").out));
    after = {submission.jobs.back()};
    write_submission(submission.folder, plan, submission.jobs);
  }
}

}  // namespace

SlurmPlan slurm_plan(const Plan& plan, const std::vector<bool>& done) {
  const auto depth = depths(plan, done);
  std::vector<std::size_t> order;
  for (std::size_t item = 0; item < plan.items.size(); ++item)
    if (!done[item]) order.push_back(item);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return depth[a] < depth[b]; });
  std::map<std::size_t, std::size_t> place;
  for (const std::size_t item : order) place.emplace(item, place.size());

  SlurmPlan result{plan, {}};
  result.plan.items.clear();
  for (const std::size_t item : order) {
    PlanItem kept = plan.items[item];
    kept.after.clear();
    for (const std::size_t needed : plan.items[item].after)
      if (!done[needed]) kept.after.push_back(place.at(needed));
    const std::size_t index = result.plan.items.size();
    const bool same_depth = index > 0 && depth[order[index - 1]] == depth[item];
    if (!same_depth || result.arrays.back().tasks.size() == kMaxArrayTasks) result.arrays.push_back({"", index, {}});
    result.arrays.back().tasks.push_back(plan.label(kept));
    result.plan.items.push_back(std::move(kept));
  }
  for (SlurmArray& array : result.arrays)
    array.what = plural(array.tasks.size(), result.plan.items[array.first].kind == PlanItem::Kind::stage ? "shared stage" : "run");
  return result;
}

SlurmSettings fit_to_plan(SlurmSettings settings, const Plan& plan) {
  std::int64_t threads = 1;
  for (const SweepPoint& point : plan.points) threads = std::max(threads, plan.config(point).find("threads")->as_int());
  if (settings.cpus == 0) settings.cpus = threads;
  if (settings.cpus < threads)
    fail<ConfigError>("slurm.cpus", "got {}, the experiment computes with {} threads; expected at least as many", settings.cpus, threads);
  return settings;
}

SlurmSubmission submit(const Plan& plan, std::vector<bool> done, const SlurmSettings& settings) {
  require_slurm();
  const auto queued = queued_items(plan);
  const std::vector<std::string> holders = jobs_needed(plan, done, queued);
  for (const auto& [item, job] : queued) done[item] = true;
  const SlurmPlan remaining = slurm_plan(plan, done);
  SlurmSubmission submission;
  submission.queued = queued.size();
  submission.submitted = remaining.plan.items.size();
  if (remaining.arrays.empty()) return submission;
  submission.folder = make_submission_folder(submissions_folder(plan));
  submission.arrays = remaining.arrays;
  for (const PlanItem& item : remaining.plan.items) clear_job_statuses(job_folder(plan, item));
  try {
    submit_arrays(remaining, context_of(plan, settings, submission.folder), holders, submission);
  } catch (const DataError&) {
    for (const std::string& job : submission.jobs) run_command({"scancel", job}, {}, "--slurm");
    remove_tree(submission.folder);
    throw;
  }
  return submission;
}

std::string submission_text(const SlurmPlan& plan, const SlurmSettings& settings) {
  const fs::path folder = next_submission_folder(submissions_folder(plan.plan));
  const SlurmContext context = context_of(plan.plan, settings, folder);
  std::string text;
  for (std::size_t array = 0; array < plan.arrays.size(); ++array) {
    const fs::path script = folder / script_name(array);
    const std::vector<std::string> after = array == 0 ? std::vector<std::string>{} : std::vector<std::string>{"<job of " + script_name(array - 1) + ">"};
    text += fmt::format("{}==> {} <==\n{}", array == 0 ? "" : "\n", script.string(), slurm_script(plan.arrays[array], context));
    text += fmt::format("==> {}\n", command_text(sbatch_command(script, after)));
  }
  return text;
}

}  // namespace symphony
