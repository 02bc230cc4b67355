// Reading an experiment as the command line asks.
#include "core/app/experiment_options.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace po = boost::program_options;
namespace fs = std::filesystem;

void add_experiment_options(po::options_description& options, po::positional_options_description& positional) {
  options.add_options()("exp", po::value<std::string>()->value_name("FILE"), "the experiment; sought here, then among the shipped experiments")
      ("profile", po::value<std::vector<std::string>>()->value_name("NAME"), "apply a patch under `profiles`; may be repeated")
      ("results", po::value<std::string>()->value_name("DIR")->default_value("results"), "where runs and cached stages are kept")
      ("override", po::value<std::vector<std::string>>(), "key.path=value, +key.path=value, ~key.path");
  add_plugin_option(options);
  positional.add("override", -1);
}

namespace {

std::vector<std::string> strings(const po::variables_map& values, const char* name) {
  return values.count(name) ? values[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

/// Revision and state of the source tree, when this build comes from one and git is there.
void note_git_state(Plan& plan) {
  plan.git_state = "unknown";
  const fs::path source = SYMPHONY_SOURCE_DIR;
  if (!fs::exists(source / ".git")) return;
  try {
    const auto git = [&source](std::vector<std::string> words) {
      words.insert(words.begin(), {"git", "-C", source.string()});
      return run_command(words, {}, "git").out;
    };
    plan.git_revision = git({"rev-parse", "HEAD"});
    while (!plan.git_revision.empty() && plan.git_revision.back() == '\n') plan.git_revision.pop_back();
    plan.git_state = git({"status", "--porcelain"}).empty() ? "clean" : "dirty";
  } catch (const DataError&) {
    // No git, or a tree it does not trust: the log says unknown.
  }
}

/// Questions of the report that no run can answer.
void add_report_notes(const Plan& plan, std::vector<std::string>& notes) {
  if (plan.points.empty()) return;
  std::vector<std::string> variants;
  for (const SweepPoint& point : plan.points)
    if (std::find(variants.begin(), variants.end(), point.variant) == variants.end()) variants.push_back(point.variant);
  const auto expect_variant = [&](const std::string& name, const std::string& place) {
    if (std::find(variants.begin(), variants.end(), name) == variants.end())
      notes.push_back(fmt::format("{}: no run is of variant {}; {}", place, quoted(name), name_hint(name, variants)));
  };
  const Value config = plan.config(plan.points.front());
  const Value* report = config.find("report");
  for (std::size_t index = 0; index < report->as_list().size(); ++index) {
    const auto question = from_value<Question>(report->as_list()[index], "report");
    const std::string place = path_text({"report", std::to_string(index)});
    expect_variant(question.variant, place);
    expect_variant(question.against, place);
    for (const std::string& name : question.noise) expect_variant(name, place);
  }
}

}  // namespace

ExperimentSetting experiment_setting(const po::variables_map& values) {
  ExperimentSetting setting;
  setting.plugin_folders = plugin_folders(values);
  for (fs::path& folder : setting.plugin_folders) folder = fs::absolute(folder);
  setting.registry = PluginRegistry::load(setting.plugin_folders);
  setting.results = fs::absolute(values["results"].as<std::string>());
  return setting;
}

PlannedExperiment plan_experiment(const Command& self, const po::variables_map& values, const ExperimentSetting& setting, const std::vector<std::string>& args) {
  if (!values.count("exp")) fail<ConfigError>("runner " + self.name, "expected --exp FILE, for example: runner --exp ablations/alignment.yaml");
  PlanBuilder builder(setting.registry);
  const ExperimentRequest request{values["exp"].as<std::string>(), strings(values, "profile"), strings(values, "override")};
  const Sweep sweep = expand_experiment(request, setting.registry, [&builder](ResolvedPoint point) { builder.add(std::move(point)); });
  Plan plan = builder.finish();
  plan.experiment = sweep.name;
  plan.about = sweep.about;
  plan.baseline = sweep.baseline;
  plan.results = setting.results;
  plan.plugin_folders = setting.plugin_folders;
  plan.command_line = {"runner"};
  plan.command_line.insert(plan.command_line.end(), args.begin(), args.end());
  note_git_state(plan);
  std::vector<std::string> notes = sweep.duplicates;
  add_report_notes(plan, notes);
  notes.insert(notes.end(), builder.notes().begin(), builder.notes().end());
  return {std::move(plan), sweep.slurm, std::move(notes)};
}

void refuse_problems(const Plan& plan) {
  if (plan.problems.empty()) return;
  throw ConfigError(join(plan.problems, "\n") + (plan.problems.size() > 1 ? fmt::format("\n{} problems", plan.problems.size()) : ""));
}

}  // namespace symphony
