// Training a source from its recipe: from random numbers, from a start that it shares with others, or from a checkpoint, whose shape and tokenizer
// it then has; or a checkpoint as it is.
#include "core/pipeline/source_stage.hpp"

#include <map>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/initialise.hpp"
#include "core/pipeline/stage_cost.hpp"
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
  return recipe.model.value_or(ModelShape{}).spec(trained_tokenizer()->vocab_size(), recipe.training.sequence_length);
}

/// What one training stage does: from `start`'s model or from `init_seed`.
struct SourceTraining {
  std::string label;
  std::string domain;
  Recipe recipe;                          ///< steps and learning rate already the source's own
  std::uint64_t init_seed = 0, batch_seed = 0;
  bool from_checkpoint = false;           ///< whose shape is not the recipe's, and is in the key with the start
};

Value identity(const SourceTraining& training) {
  const ModelShape shape = training.recipe.model.value_or(ModelShape{});
  Value parameters = ValueMap{};
  if (!training.from_checkpoint) parameters.set("model", Schema::of<ModelShape>()->read(&shape));
  parameters.set("training", Schema::of<TrainSettings>()->read(&training.recipe.training));
  parameters.set("init_seed", std::to_string(training.init_seed));
  parameters.set("batch_seed", std::to_string(training.batch_seed));
  return parameters;
}

/// The model that `stage` keeps, which is of the kind of `like`.
ModelHandle handle(const StagePtr& stage, const std::string& label, const ModelHandle& like) {
  ModelHandle result;
  result.spec = like.spec;
  result.stage = stage;
  result.label = label;
  result.tokenizer = like.tokenizer;
  result.token_ids = like.token_ids;
  result.tokenizer_config = like.tokenizer_config;
  result.load = [stage, label](const StageFolder& folder) {
    Model model = read_checkpoint(folder(*stage) / kModelFolder);
    model.name = label;
    return model;
  };
  return result;
}

/// `untrained` says what the model is before the first step; without a way to load it, it begins with random numbers.
ModelHandle make_training(const StageBuilder& builder, const SourceTraining& training, const ModelHandle& untrained, TextCatalogue& catalogue) {
  std::vector<StagePtr> texts;
  for (const std::string& domain : builder.resolve_domains({training.domain}))
    texts.push_back(catalogue.stage(*builder.experiment, domain, untrained.tokenizer));
  std::vector<StagePtr> inputs = texts;
  if (untrained.stage) inputs.push_back(untrained.stage);
  const auto run = [builder, training, untrained, texts](StageScope& scope) {
    const ModelSpec& spec = untrained.spec;
    const Model initial = untrained.load ? untrained.load(scope.input)
                                         : Model{spec, std::make_shared<MemorySource>(initial_parameters(spec, training.init_seed), "untrained"), training.label};
    LanguageModel model = builder.trainable(initial);
    TrainingJob job;
    job.settings = training.recipe.training;
    job.texts = texts;
    job.seed = training.batch_seed;
    job.log_every = builder.experiment->logging.every;
    job.dtype = builder.dtype();
    run_training(model, job, scope);
    write_checkpoint(scope.directory / kModelFolder, model.as_model(training.label), checkpoint_extras(untrained));
  };
  // `every` only thins the record, but the record is part of the result.
  Value parameters = identity(training);
  parameters.set("log_every", builder.experiment->logging.every);
  return handle(make_stage("source", kTrainingRevision, "training " + training.label, std::move(parameters), std::move(inputs), builder.pass_environment(), run,
                           training_cost(untrained.spec, training.recipe.training)),
                training.label, untrained);
}

/// A checkpoint is an input of the experiment. Hashing gigabytes for every plan would be slow, so tensor files count by size and time of
/// change; the small ones that say what they mean count by content.
Value checkpoint_identity(const std::filesystem::path& directory) {
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
std::shared_ptr<const Tokenizer> checkpoint_tokenizer(const std::filesystem::path& directory, const ModelSpec& spec, VocabularyCatalogue& vocabularies) {
  auto tokenizer = vocabularies.of_directory(directory);
  if (!tokenizer) tokenizer = trained_tokenizer();
  if (tokenizer->vocab_size() > spec.vocab_size)
    fail<DataError>(directory.string(), "the tokenizer has {} ids and the model {} rows, expected a row for every id", tokenizer->vocab_size(), spec.vocab_size);
  return tokenizer;
}

ModelHandle make_checkpoint(const StageBuilder& builder, const std::string& name, const std::filesystem::path& directory, TextCatalogue& texts) {
  const std::string& fetch = builder.experiment->sources.fetch;
  if (!std::filesystem::is_directory(directory))
    fail<DataError>("sources.models." + name, "no checkpoint directory {}{}", quoted(directory.string()), fetch.empty() ? "" : "; to fetch it: " + fetch);
  Value parameters = ValueMap{};
  parameters.set("files", checkpoint_identity(directory));
  const auto run = [directory](StageScope& scope) {
    scope.record.note("directory", directory.string());
    if (!load_model_tokenizer(directory)) scope.record.note("tokenizer", "the directory has none; the model is taken to read bytes");
  };
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
  result.tokenizer = checkpoint_tokenizer(directory, result.spec, texts.vocabularies());
  CheckpointExtras extras = read_checkpoint_extras(directory);
  result.token_ids = std::move(extras.token_ids);
  result.tokenizer_config = std::move(extras.tokenizer_config);
  return result;
}

/// The checkpoint that a training begins with. Training is of dense models.
ModelHandle make_start(const StageBuilder& builder, const std::string& name, const std::string& directory, TextCatalogue& texts) {
  ModelHandle start = make_checkpoint(builder, name, directory, texts);
  if (start.spec.moe)
    fail<DataError>("sources.models." + name, "the start {} is a Mixture-of-Experts of {} experts, expected a dense model", quoted(directory), start.spec.moe->num_experts);
  return start;
}

ModelHandle make_trained(const StageBuilder& builder, const std::string& name, const TrainedSource& source, TextCatalogue& texts) {
  SourceTraining training;
  training.label = name;
  training.domain = source.domain;
  training.recipe = recipe_of(*builder.experiment, source.recipe);
  training.from_checkpoint = source.start && source.start->checkpoint;
  ModelHandle start;
  if (training.from_checkpoint) {
    start = make_start(builder, name, *source.start->checkpoint, texts);
    if (source.steps == 0) return start;
  } else {
    start.spec = recipe_spec(training.recipe);
    start.tokenizer = trained_tokenizer();
  }
  if (source.start && !training.from_checkpoint) {
    SourceTraining common = training;
    common.label = "common start";
    common.domain = source.start->domain;
    common.recipe.training.steps = source.start->steps;
    // Named after what it reads, not after the source: sources that give the same start share it.
    common.init_seed = builder.seed("start init " + common.domain);
    common.batch_seed = builder.seed("start batches " + common.domain);
    start = make_training(builder, common, start, texts);
    if (source.steps == 0) return handle(start.stage, name, start);
  }
  if (source.steps) training.recipe.training.steps = *source.steps;
  if (source.learning_rate) training.recipe.training.learning_rate = *source.learning_rate;
  training.init_seed = source.start ? 0 : builder.seed("source init " + name);
  training.batch_seed = builder.seed("source batches " + name);
  return make_training(builder, training, start, texts);
}

}  // namespace

ModelHandle make_source(const StageBuilder& builder, const std::string& name, TextCatalogue& texts) {
  const SourceModel& source = builder.experiment->source(name);
  return source.train ? make_trained(builder, name, *source.train, texts) : make_checkpoint(builder, name, *source.checkpoint, texts);
}

std::string source_domain(const Experiment& experiment, const std::string& name) {
  const SourceModel& source = experiment.source(name);
  if (!source.train) return source.domain;
  return source.train->domain == "all" ? "" : source.train->domain;
}

Value source_names_identity(const Experiment& experiment) {
  ValueList names;
  for (const std::string& name : experiment.merged_sources()) names.push_back(ValueList{name, source_domain(experiment, name)});
  return names;
}

}  // namespace symphony
