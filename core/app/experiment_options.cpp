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

}  // namespace

LoadedExperiment load_experiment(const Command& self, const po::variables_map& values) {
  if (!values.count("exp")) fail<ConfigError>("runner " + self.name, "expected --exp FILE, for example: runner --exp ablations/alignment.yaml");
  LoadedExperiment loaded;
  loaded.plugin_folders = plugin_folders(values);
  for (fs::path& folder : loaded.plugin_folders) folder = fs::absolute(folder);
  loaded.registry = PluginRegistry::load(loaded.plugin_folders);
  loaded.results = fs::absolute(values["results"].as<std::string>());
  loaded.sweep = expand_experiment({values["exp"].as<std::string>(), strings(values, "profile"), strings(values, "override")}, loaded.registry);
  return loaded;
}

std::vector<std::string> notes_on(const Sweep& sweep) {
  std::vector<std::string> notes = sweep.duplicates;
  std::vector<std::string> variants;
  for (const SweepPoint& point : sweep.points)
    if (std::find(variants.begin(), variants.end(), point.variant) == variants.end()) variants.push_back(point.variant);
  const auto expect_variant = [&](const std::string& name, const std::string& place) {
    if (std::find(variants.begin(), variants.end(), name) == variants.end())
      notes.push_back(fmt::format("{}: no run is of variant {}; {}", place, quoted(name), name_hint(name, variants)));
  };
  const Value* report = sweep.points.empty() ? nullptr : sweep.points.front().config.find("report");
  if (!report) return notes;
  for (std::size_t index = 0; index < report->as_list().size(); ++index) {
    const auto question = from_value<Question>(report->as_list()[index], "report");
    const std::string place = path_text({"report", std::to_string(index)});
    expect_variant(question.variant, place);
    expect_variant(question.against, place);
    for (const std::string& name : question.noise) expect_variant(name, place);
  }
  return notes;
}

Plan plan_of(LoadedExperiment& loaded, const std::vector<std::string>& args) {
  Plan plan = make_plan(std::move(loaded.sweep.points), loaded.registry);
  plan.experiment = loaded.sweep.name;
  plan.about = loaded.sweep.about;
  plan.baseline = loaded.sweep.baseline;
  plan.results = loaded.results;
  plan.plugin_folders = loaded.plugin_folders;
  plan.command_line = {"runner"};
  plan.command_line.insert(plan.command_line.end(), args.begin(), args.end());
  note_git_state(plan);
  return plan;
}

}  // namespace symphony
