// Training a source from its recipe, perhaps from a start that it shares with others; or a checkpoint on disk.
#include "core/pipeline/source_stage.hpp"

#include <map>

#include "core/base/hash.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/initialise.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/pipeline/text_stage.hpp"
#include "core/pipeline/training_run.hpp"

namespace symphony {

namespace {

constexpr int kTrainingRevision = 1;
constexpr int kCheckpointRevision = 1;
constexpr const char* kModelFolder = "model";

const Recipe& recipe_of(const Experiment& experiment, const std::string& name) {
  for (const auto& [recipe_name, recipe] : experiment.recipes)
    if (recipe_name == name) return recipe;
  fail<ConfigError>("recipes", "no recipe '{}'", name);
}

ModelSpec recipe_spec(const Recipe& recipe) {
  return recipe.model.spec(trained_tokenizer()->vocab_size(), recipe.training.sequence_length);
}

/// What one training stage does: from `start`'s model or from `init_seed`.
struct SourceTraining {
  std::string label;
  std::string domain;
  Recipe recipe;                          ///< steps and learning rate already the source's own
  std::uint64_t init_seed = 0, batch_seed = 0;
};

Value identity(const SourceTraining& training) {
  Value parameters = ValueMap{};
  parameters.set("model", Schema::of<ModelShape>()->read(&training.recipe.model));
  parameters.set("training", Schema::of<TrainSettings>()->read(&training.recipe.training));
  parameters.set("init_seed", std::to_string(training.init_seed));
  parameters.set("batch_seed", std::to_string(training.batch_seed));
  return parameters;
}

ModelHandle handle(const StagePtr& stage, const std::string& label, const ModelSpec& spec) {
  ModelHandle result;
  result.spec = spec;
  result.stage = stage;
  result.label = label;
  result.tokenizer = trained_tokenizer();
  result.load = [stage, label](const StageFolder& folder) {
    Model model = read_checkpoint(folder(*stage) / kModelFolder);
    model.name = label;
    return model;
  };
  return result;
}

ModelHandle make_training(const StageBuilder& builder, const SourceTraining& training, const std::optional<ModelHandle>& start,
                          const TextStages& text) {
  std::vector<StagePtr> texts;
  for (const std::string& domain : builder.resolve_domains({training.domain})) texts.push_back(text(domain));
  std::vector<StagePtr> inputs = texts;
  if (start) inputs.push_back(start->stage);
  const auto run = [builder, training, start, texts](StageScope& scope) {
    const ModelSpec spec = recipe_spec(training.recipe);
    const Model initial = start ? start->load(scope.input)
                                : Model{spec, std::make_shared<MemorySource>(initial_parameters(spec, training.init_seed), "untrained"), training.label};
    LanguageModel model(initial, nullptr);
    TrainingJob job;
    job.settings = training.recipe.training;
    job.texts = texts;
    job.seed = training.batch_seed;
    job.log_every = builder.experiment->logging.every;
    run_training(model, job, scope);
    CheckpointExtras extras;
    extras.tokenizer_json = trained_tokenizer()->to_json();
    write_checkpoint(scope.directory / kModelFolder, model.as_model(training.label), extras);
  };
  const ModelSpec spec = recipe_spec(training.recipe);
  // `every` only thins the record, but the record is part of the result.
  Value parameters = identity(training);
  parameters.set("log_every", builder.experiment->logging.every);
  return handle(make_stage("source", kTrainingRevision, "training " + training.label, std::move(parameters), std::move(inputs), builder.environment, run,
                           training_cost(spec, training.recipe.training)),
                training.label, spec);
}

ModelHandle make_trained(const StageBuilder& builder, const std::string& name, const TrainedSource& source, const TextStages& text) {
  SourceTraining training;
  training.label = name;
  training.domain = source.domain;
  training.recipe = recipe_of(*builder.experiment, source.recipe);
  std::optional<ModelHandle> start;
  if (source.start) {
    SourceTraining common = training;
    common.label = "common start";
    common.domain = source.start->domain;
    common.recipe.training.steps = source.start->steps;
    // Named after what it reads, not after the source: sources that give the same start share it.
    common.init_seed = builder.seed("start init " + common.domain);
    common.batch_seed = builder.seed("start batches " + common.domain);
    start = make_training(builder, common, std::nullopt, text);
    if (source.steps == 0) return handle(start->stage, name, start->spec);
  }
  if (source.steps) training.recipe.training.steps = *source.steps;
  if (source.learning_rate) training.recipe.training.learning_rate = *source.learning_rate;
  training.init_seed = start ? 0 : builder.seed("source init " + name);
  training.batch_seed = builder.seed("source batches " + name);
  return make_training(builder, training, start, text);
}

/// A checkpoint is an input of the experiment. Hashing gigabytes for every plan would be slow, so tensor files count by size and time of
/// change; the small ones that say what they mean count by content.
Value checkpoint_identity(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) fail<DataError>("sources.models", "no checkpoint directory '{}'", directory.string());
  std::map<std::string, std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.is_regular_file()) files.emplace(entry.path().filename().string(), entry.path());
  Value identity = ValueMap{};
  for (const auto& [name, path] : files) {
    if (path.extension() == ".json") identity.set(name, sha256_file(path));
    if (path.extension() != ".safetensors") continue;
    const auto changed = std::filesystem::last_write_time(path).time_since_epoch().count();
    identity.set(name, fmt::format("{} bytes, changed {}", std::filesystem::file_size(path), changed));
  }
  return identity;
}

std::uint64_t tensor_file_bytes(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".safetensors") bytes += entry.file_size();
  return bytes;
}

/// A directory without any is taken to read bytes, if it has rows for them.
std::shared_ptr<const Tokenizer> checkpoint_tokenizer(const std::filesystem::path& directory, const ModelSpec& spec) {
  auto tokenizer = load_model_tokenizer(directory);
  if (!tokenizer) tokenizer = trained_tokenizer();
  if (tokenizer->vocab_size() > spec.vocab_size)
    fail<DataError>(directory.string(), "the tokenizer has {} ids and the model {} rows, expected a row for every id", tokenizer->vocab_size(), spec.vocab_size);
  return tokenizer;
}

ModelHandle make_checkpoint(const std::string& name, const std::filesystem::path& directory) {
  Value parameters = ValueMap{};
  parameters.set("files", checkpoint_identity(directory));
  const auto run = [directory](StageScope& scope) { scope.record.note("directory", directory.string()); };
  const StagePtr stage = make_stage("checkpoint", kCheckpointRevision, "checkpoint " + name, std::move(parameters), {}, NumericEnvironment{}, run,
                                    {.light = true, .read_bytes = tensor_file_bytes(directory)});
  ModelHandle result;
  result.stage = stage;
  result.label = name;
  result.load = [name, directory](const StageFolder&) {
    Model model = read_checkpoint(directory);
    model.name = name;
    return model;
  };
  result.spec = read_checkpoint(directory).spec;
  result.tokenizer = checkpoint_tokenizer(directory, result.spec);
  return result;
}

}  // namespace

ModelHandle make_source(const StageBuilder& builder, const std::string& name, const TextStages& text) {
  const SourceModel& source = builder.experiment->source(name);
  return source.train ? make_trained(builder, name, *source.train, text) : make_checkpoint(name, *source.checkpoint);
}

std::string source_domain(const Experiment& experiment, const std::string& name) {
  const SourceModel& source = experiment.source(name);
  if (!source.train) return source.domain;
  return source.train->domain == "all" ? "" : source.train->domain;
}

}  // namespace symphony
