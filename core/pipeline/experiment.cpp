// Declarations of every key of an experiment, and the checks that need more than one key at a time.
#include "core/pipeline/experiment.hpp"

#include <algorithm>
#include <set>

#include "core/base/text.hpp"
#include "core/model/tap.hpp"
#include "core/pipeline/environment.hpp"
#include "core/plugin/eval.hpp"
#include "core/train/trainable.hpp"

namespace symphony {

void ModelShape::describe(Schema& s) {
  s.field<&ModelShape::family>("family", "name of the configuration on disk").one_of({"llama", "qwen2"});
  s.field<&ModelShape::hidden_size>("hidden_size", "width of the residual stream").range(8, 65536);
  s.field<&ModelShape::layers>("layers", "decoder layers").range(1, 512);
  s.field<&ModelShape::heads>("heads", "query heads").range(1, 1024);
  s.field<&ModelShape::kv_heads>("kv_heads", "key and value heads").range(1, 1024);
  s.field<&ModelShape::ffn_size>("ffn_size", "intermediate size of the FFN").range(1, 1 << 20);
  s.field<&ModelShape::rope_theta>("rope_theta", "base of the rotary frequencies").at_least(1);
  s.field<&ModelShape::norm_eps>("norm_eps", "epsilon inside RMSNorm").range(0, 1e-2);
  s.field<&ModelShape::tied_head>("tied_head", "the output head is the embedding");
  s.field<&ModelShape::qkv_bias>("qkv_bias", "biases on the q, k and v projections");
}

ModelSpec ModelShape::spec(std::int64_t vocab_size, std::int64_t max_positions) const {
  ModelSpec spec;
  spec.family = family;
  spec.vocab_size = vocab_size;
  spec.hidden_size = hidden_size;
  spec.num_layers = layers;
  spec.num_heads = heads;
  spec.num_kv_heads = kv_heads;
  spec.head_dim = hidden_size / heads;
  spec.ffn_size = ffn_size;
  spec.max_positions = max_positions;
  spec.rope_theta = rope_theta;
  spec.norm_eps = norm_eps;
  spec.tied_head = tied_head;
  spec.qkv_bias = qkv_bias;
  return spec;
}

void Recipe::describe(Schema& s) {
  s.field<&Recipe::model>("model", "shape of the model; one that starts from a checkpoint has the checkpoint's");
  s.field<&Recipe::training>("training", "optimiser and budget");
}

void StartSettings::describe(Schema& s) {
  s.field<&StartSettings::domain>("domain", "what the common start reads: a domain, or 'all' in-domain ones");
  s.field<&StartSettings::steps>("steps", "steps of the common start").at_least(0);
  s.field<&StartSettings::checkpoint>("checkpoint", "a Hugging Face directory on disk, instead of a common training");
}

void TrainedSource::describe(Schema& s) {
  s.field<&TrainedSource::domain>("domain", "what the source reads: a domain, or 'all' in-domain ones").must_be_given();
  s.field<&TrainedSource::recipe>("recipe", "a name under `recipes`").must_be_given();
  s.field<&TrainedSource::steps>("steps", "instead of the recipe's; 0 with a start: the start itself, the ancestor of all that share it").at_least(0);
  s.field<&TrainedSource::learning_rate>("learning_rate", "instead of the recipe's").range(0, 1);
  s.field<&TrainedSource::start>("start", "training shared by the sources that give the same start, or a checkpoint");
}

void SourceModel::describe(Schema& s) {
  s.field<&SourceModel::train>("train", "train the source here");
  s.field<&SourceModel::checkpoint>("checkpoint", "a Hugging Face directory on disk");
  s.field<&SourceModel::domain>("domain", "the domain that a checkpoint stands for");
}

void SourcesSettings::describe(Schema& s) {
  s.field<&SourcesSettings::anchor>("anchor", "the source whose basis the others are aligned to").must_be_given();
  s.field<&SourcesSettings::models>("models", "the sources by name, in the order of their experts").must_be_given();
  s.field<&SourcesSettings::use>("use", "the models that are merged, in this order; empty: all but the base");
  s.field<&SourcesSettings::fetch>("fetch", "the command that makes the checkpoint directories; shown when one is missing, never run");
  s.field<&SourcesSettings::base>("base", "the sources' common ancestor, for methods that need one");
}

void CalibrationSettings::describe(Schema& s) {
  s.field<&CalibrationSettings::domains>("domains", "'all' in-domain ones, or names");
  s.field<&CalibrationSettings::tokens>("tokens", "tokens in all, an equal share of each domain").in("tokens").range(64, 1e9);
  s.field<&CalibrationSettings::length>("length", "tokens in a window").in("tokens").range(2, 1 << 20);
}

void AlignmentSettings::describe(Schema& s) {
  s.method<&AlignmentSettings::method>("alignment", "which units of the sources correspond");
  s.field<&AlignmentSettings::tolerance>("tolerance", "largest relative logit change of an aligned source that passes the check; ten times as much where gains are folded or bases "
                                                "change").range(0, 1);
  s.field<&AlignmentSettings::covariance_dtype>("covariance_dtype", "to which activations are rounded before their cross-covariance, whose sums are float32 either way; bfloat16 "
                                                "is about 3 times as fast where the processor has AMX").one_of({"float32", "bfloat16"});
}

void FusionSettings::describe(Schema& s) {
  s.field<&FusionSettings::embedding>("embedding", "how embeddings become one").plugin("fusion");
  s.field<&FusionSettings::attention>("attention", "how attention weights and biases become one").plugin("fusion");
  s.field<&FusionSettings::norm>("norm", "how norm gains become one").plugin("fusion");
  s.field<&FusionSettings::lm_head>("lm_head", "how output heads become one").plugin("fusion");
  s.field<&FusionSettings::ffn>("ffn", "how FFNs become one where they are no experts").plugin("fusion");
}

void ExpertsSettings::describe(Schema& s) { s.method<&ExpertsSettings::method>("experts", "what the experts are made of"); }

void RouterSettings::describe(Schema& s) {
  s.method<&RouterSettings::method>("router", "how tokens choose experts");
  s.field<&RouterSettings::init>("init", "first values of the router").plugin("router_init");
  s.field<&RouterSettings::balance>("balance", "coefficient of the balance loss, a mean over layers (1 at perfect balance)").range(0, 10);
}

void PhaseSettings::describe(Schema& s) {
  s.field<&PhaseSettings::name>("name", "what tables call the model after this phase; default: the trained parts");
  s.field<&PhaseSettings::train>("train", "the parts of the model that learn").one_of(trainable_parts());
  TrainSettings::describe(s);
}

void TrainingSettings::describe(Schema& s) {
  s.field<&TrainingSettings::domains>("domains", "what post-training reads: 'all' in-domain ones, or names");
  s.field<&TrainingSettings::phases>("phases", "one after the other");
}

void EvalWindows::describe(Schema& s) {
  s.field<&EvalWindows::length>("length", "tokens in a window").in("tokens").range(2, 1 << 20);
  s.field<&EvalWindows::context>("context", "tokens that a window repeats from the one before").in("tokens").at_least(1);
  s.field<&EvalWindows::in_domain>("in_domain", "windows of each in-domain domain").range(1, 1e7);
  s.field<&EvalWindows::out_of_distribution>("out_of_distribution", "windows of each other domain").range(1, 1e7);
}

void ActivationLogging::describe(Schema& s) {
  s.field<&ActivationLogging::sites>("sites", "activation points to log").one_of(site_names());
  s.field<&ActivationLogging::tokens>("tokens", "activations kept raw: of the first held-out tokens of each domain; statistics are over all evaluated ones").in("tokens").range(0, 1e6);
  s.field<&ActivationLogging::type>("type", "how raw activations are stored").one_of({"float16", "float32"});
}

void LoggingSettings::describe(Schema& s) {
  s.field<&LoggingSettings::activations>("activations", "per-layer activations of the evaluated models");
  s.field<&LoggingSettings::every>("every", "optimiser steps between rows of a training series").in("steps").at_least(1);
}

void Question::describe(Schema& s) {
  s.field<&Question::ask>("ask", "the question as the report prints it").must_be_given();
  s.field<&Question::variant>("variant", "a variant of the sweep").must_be_given();
  s.field<&Question::against>("against", "the variant it is compared with").must_be_given();
  s.field<&Question::noise>("noise", "variants that differ from the sweep's baseline by rounding only");
  s.field<&Question::published>("published", "what a publication reports for this, printed beside the answer");
}

void ExportSettings::describe(Schema& s) {
  s.field<&ExportSettings::family>("family", "model_type that is written (mixtral, qwen2_moe, ...); default: the first that computes what the model does");
  s.field<&ExportSettings::experts>("experts", "layout of experts: a tensor for each matrix, or all of a layer packed in two").one_of({"separate", "packed"});
  s.field<&ExportSettings::dtype>("dtype", "element type, rounded once; kept: as the tensors are").one_of({"kept", "float32", "float16", "bfloat16"});
  s.field<&ExportSettings::file_gigabytes>("file_gigabytes", "larger models are written in shards of at most this").in("GB").range(1e-6, 1e6);
}

void Experiment::describe(Schema& s) {
  s.field<&Experiment::name>("name", "names the folder under results/").must_be_given();
  s.field<&Experiment::about>("about", "what is asked, for reports");
  s.field<&Experiment::seed>("seed", "root seed; every stage derives its own by name").at_least(0);
  s.field<&Experiment::threads>("threads", "threads of every numeric stage").range(1, 1024);
  s.field<&Experiment::device>("device", "where models are trained and evaluated; alignment, routers' starts and assembly stream over layers on the CPU").one_of({"cpu", "cuda"});
  s.field<&Experiment::dtype>("dtype", "of forward and backward passes in training and evaluation; what is trained stays in float32").one_of({"float32", "bfloat16"});
  s.field<&Experiment::domains>("domains", "text domains by name");
  s.field<&Experiment::recipes>("recipes", "ways to train a source, by name");
  s.field<&Experiment::sources>("sources", "the models that are merged").must_be_given();
  s.field<&Experiment::calibration>("calibration", "training text on which statistics are taken and invariances checked");
  s.field<&Experiment::alignment>("alignment", "aligning the sources to the anchor");
  s.field<&Experiment::fusion>("fusion", "a fusion method for each kind of tensor");
  s.field<&Experiment::experts>("experts", "what becomes of the FFNs");
  s.field<&Experiment::router>("router", "routing");
  s.field<&Experiment::edits>("edits", "changes of the assembled model, in order").plugin("edit");
  s.field<&Experiment::training>("training", "post-training");
  s.field<&Experiment::windows>("windows", "held-out windows for evaluation");
  s.field<&Experiment::eval>("eval", "evaluation suites").plugin("eval");
  s.field<&Experiment::rivals>("rivals", "what every merged model is compared with").one_of({"ensemble", "posterior_ensemble", "oracle_source"});
  s.field<&Experiment::logging>("logging", "what the log holds");
  s.field<&Experiment::exported>("export", "write the model at the end of the run as a Hugging Face directory; absent: do not");
  s.field<&Experiment::report>("report", "questions that the report answers from the numbers");
  s.field<&Experiment::expect>("expect", "numbers the run must end with (relative 1e-3), or [lowest, highest], for experiments that are tests");
}

std::vector<std::string> Experiment::in_domain() const {
  std::vector<std::string> names;
  for (const auto& [domain, recipe] : domains)
    if (!recipe.ood) names.push_back(domain);
  return names;
}

const SourceModel& Experiment::source(const std::string& source_name) const {
  for (const auto& [model_name, model] : sources.models)
    if (model_name == source_name) return model;
  fail<ConfigError>("sources.models", "no source '{}'", source_name);
}

std::vector<std::string> Experiment::merged_sources() const {
  if (!sources.use.empty()) return sources.use;
  std::vector<std::string> names;
  for (const auto& [model_name, model] : sources.models)
    if (!sources.base || model_name != *sources.base) names.push_back(model_name);
  return names;
}

namespace {

template <typename T>
std::vector<std::string> keys(const Named<T>& named) {
  std::vector<std::string> result;
  for (const auto& [key, value] : named) result.push_back(key);
  return result;
}

/// Collects issues about names that refer to something.
class Checker {
 public:
  SchemaIssues issues;

  void known(const std::string& got, const std::vector<std::string>& candidates, const char* what, std::vector<std::string> path) {
    if (std::find(candidates.begin(), candidates.end(), got) != candidates.end()) return;
    issues.push_back({std::move(path), fmt::format("no {} {}; {}", what, quoted(got), name_hint(got, candidates)), false});
  }

  void known_domains(const std::vector<std::string>& names, const Experiment& experiment, const std::vector<std::string>& path) {
    auto candidates = keys(experiment.domains);
    candidates.push_back("all");
    for (const std::string& name : names) known(name, candidates, "domain", path);
  }
};

/// A start is a common training or a checkpoint; a checkpoint brings its shape.
void check_start(const Experiment& experiment, const TrainedSource& source, const std::vector<std::string>& path, Checker& check) {
  const StartSettings& start = *source.start;
  if (!start.checkpoint) {
    check.known_domains({start.domain}, experiment, path);
    if (start.steps < 1) check.issues.push_back({path, "expected 'steps' of at least 1 or a 'checkpoint' in 'start'", false});
    return;
  }
  if (start.steps > 0 || start.domain != "all") check.issues.push_back({path, "'start' gives a checkpoint beside a common training, expected one of them", false});
  for (const auto& [name, recipe] : experiment.recipes)
    if (name == source.recipe && recipe.model)
      check.issues.push_back({path, fmt::format("the recipe {} gives a 'model', but the start is a checkpoint, which has its own shape; expected a recipe without one", quoted(name)), false});
}

void check_source(const Experiment& experiment, const std::string& name, const SourceModel& model, Checker& check) {
  const std::vector<std::string> path{"sources", "models", name};
  const bool one_origin = model.train.has_value() != model.checkpoint.has_value();
  if (!one_origin) check.issues.push_back({path, "expected exactly one of 'train' and 'checkpoint'", false});
  if (!model.domain.empty()) check.known_domains({model.domain}, experiment, path);
  if (!model.train) return;
  if (model.train->steps == 0 && !model.train->start) check.issues.push_back({path, "steps is 0 without a 'start'; expected at least 1", false});
  check.known_domains({model.train->domain}, experiment, path);
  check.known(model.train->recipe, keys(experiment.recipes), "recipe", path);
  if (model.train->start) check_start(experiment, *model.train, path, check);
}

void check_expected(const Experiment& experiment, Checker& check) {
  for (const auto& [row, values] : experiment.expect)
    if (values.empty() || values.size() > 2 || values.front() > values.back())
      check.issues.push_back({{"expect", row}, fmt::format("got [{}], expected one number, or the lowest and the highest", fmt::join(values, ", ")), false});
}

void check_used_sources(const Experiment& experiment, Checker& check) {
  std::set<std::string> seen;
  for (const std::string& name : experiment.sources.use) {
    check.known(name, keys(experiment.sources.models), "source", {"sources", "use"});
    if (name == experiment.sources.base) check.issues.push_back({{"sources", "use"}, fmt::format("{} is the base, which is not merged", quoted(name)), false});
    if (!seen.insert(name).second) check.issues.push_back({{"sources", "use"}, fmt::format("{} is given twice", quoted(name)), false});
  }
}

/// Core's own keys beside a method, such as `balance` in `router: {method: top_k, k: 2, balance: 0.01}`.
std::vector<std::string> keys_beside(const std::vector<std::string>& path) {
  std::shared_ptr<const Schema> schema = Schema::of<Experiment>();
  for (const std::string& part : path) {
    const FieldInfo* field = schema->find(part);
    if (!field || !field->nested) return {};
    schema = field->nested;
  }
  return schema->names();
}

void check_methods(Experiment& experiment, const PluginRegistry& registry, Checker& check) {
  Schema::of<Experiment>()->visit_methods(&experiment, [&](const std::string& category, Method& method, std::vector<std::string> path) {
    try {
      // A plugin's parameters stand beside `method` in the file, so its issues continue the path of the method.
      const SchemaIssues issues = registry.check(category, method);
      for (SchemaIssue issue : issues) {
        const auto meant = issue.about_key && issue.path.size() == 1 ? nearest_name(issue.path.front(), keys_beside(path)) : std::nullopt;
        if (meant) issue.message = fmt::format("unknown key {}; did you mean {}?", quoted(issue.path.front()), quoted(*meant));
        issue.path.insert(issue.path.begin(), path.begin(), path.end());
        issue.message = fmt::format("{}.{}: {}", category, method.name, issue.message);
        check.issues.push_back(std::move(issue));
      }
      if (issues.empty()) method = registry.canonical(category, method);
    } catch (const Error& error) {
      check.issues.push_back({std::move(path), error.what(), false});
    }
  });
}

/// Each use of a suite records under a name of its own; what a suite refuses of its parameters taken together shows here too.
void check_suites(const Experiment& experiment, const PluginRegistry& registry, Checker& check) {
  std::set<std::string> seen;
  for (std::size_t index = 0; index < experiment.eval.size(); ++index) {
    const Method& suite = experiment.eval[index];
    const std::vector<std::string> path{"eval", std::to_string(index)};
    try {
      const std::string label = registry.create<Eval>(suite)->label();
      if (label.find('/') != std::string::npos) check.issues.push_back({path, fmt::format("the task {} holds a '/', expected a plain name", quoted(label)), false});
      if (!seen.insert(suite.name + "/" + label).second)
        check.issues.push_back({path, fmt::format("eval.{} is there twice{}", suite.name, label.empty() ? "" : " for the task " + quoted(label)), false});
    } catch (const Error& error) {
      check.issues.push_back({path, error.what(), false});
    }
  }
}

}  // namespace

SchemaIssues check_experiment(Experiment& experiment, const PluginRegistry& registry) {
  Checker check;
  if (experiment.sources.models.empty()) check.issues.push_back({{"sources", "models"}, "expected at least one source", false});
  for (const auto& [name, model] : experiment.sources.models) check_source(experiment, name, model, check);
  check_used_sources(experiment, check);
  check_expected(experiment, check);
  check.known(experiment.sources.anchor, experiment.merged_sources(), "source to be the anchor", {"sources", "anchor"});
  if (experiment.sources.base) check.known(*experiment.sources.base, keys(experiment.sources.models), "source to be the base", {"sources", "base"});
  check.known_domains(experiment.calibration.domains, experiment, {"calibration", "domains"});
  check.known_domains(experiment.training.domains, experiment, {"training", "domains"});
  if (experiment.in_domain().empty()) check.issues.push_back({{"domains"}, "expected at least one domain without 'ood: true'", false});

  if (const std::string missing = missing_in_program(experiment.device); !missing.empty()) check.issues.push_back({{"device"}, missing, false});

  std::set<std::string> phase_names{"step_0"};
  for (std::size_t index = 0; index < experiment.training.phases.size(); ++index) {
    PhaseSettings& phase = experiment.training.phases[index];
    if (phase.name.empty()) phase.name = join(phase.train, "+");
    if (!phase_names.insert(phase.name).second)
      check.issues.push_back({{"training", "phases", std::to_string(index)}, fmt::format("two phases are called {}; give one a 'name'", quoted(phase.name)), false});
  }
  check_methods(experiment, registry, check);
  if (check.issues.empty()) check_suites(experiment, registry, check);
  return std::move(check.issues);
}

}  // namespace symphony
