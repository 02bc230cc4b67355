// One phase of post-training.
#include "core/pipeline/phase_stage.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/checkpoint.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/pipeline/text_stage.hpp"
#include "core/pipeline/training_run.hpp"
#include "core/train/trainable.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;
constexpr const char* kModelFolder = "model";

/// False when none of the phase's parts is one of the model's: variants of a sweep share their phases. Some and not others is a mistake.
bool learns_something(const StageBuilder& builder, const ModelHandle& before, const PhaseSettings& phase) {
  const auto absent = parts_without_parameters(before.spec, builder.router_for(before.spec).get(), phase.train);
  if (absent.empty()) return true;
  if (absent.size() < phase.train.size())
    fail<ConfigError>("training.phases", "phase {} trains {}, which this model does not have; expected parts that it has, or a phase of nothing else, which is left out",
                      quoted(phase.name), join(absent, ", "));
  return false;
}

}  // namespace

std::optional<ModelHandle> make_phase(const StageBuilder& builder, const ModelHandle& before, const PhaseSettings& phase, const std::vector<StagePtr>& texts) {
  const bool dense = before.expert_sources.empty();
  if (!learns_something(builder, before, phase)) return std::nullopt;

  // Batches depend on the phase's name and the seed alone, so that every variant reads the same text.
  const std::uint64_t seed = builder.seed("phase " + phase.name);
  Value parameters = ValueMap{};
  parameters.set("settings", Schema::of<PhaseSettings>()->read(&phase));
  parameters.set("balance", dense ? 0.0 : builder.experiment->router.balance);
  parameters.set("log_every", builder.experiment->logging.every);
  parameters.set("seed", std::to_string(seed));
  if (!(before.token_ids == SpecialTokenIds{})) parameters.set("special_tokens", "written");  // results from before they were are made again
  std::vector<StagePtr> inputs{before.stage};
  inputs.insert(inputs.end(), texts.begin(), texts.end());
  const auto run = [builder, before, phase, texts, seed, dense](StageScope& scope) {
    const Model start = before.load(scope.input);
    LanguageModel model = builder.trainable(start);
    TrainingJob job;
    job.settings = phase;
    job.settings.balance = dense ? 0.0 : builder.experiment->router.balance;
    job.texts = texts;
    job.seed = seed;
    job.log_every = builder.experiment->logging.every;
    job.dtype = builder.dtype();
    run_training(model, job, scope);
    write_checkpoint(scope.directory / kModelFolder, model.as_model(phase.name), checkpoint_extras(before));
  };
  ModelHandle after = before;
  after.stage = make_stage("phase", kRevision, fmt::format("phase '{}'", phase.name), std::move(parameters), std::move(inputs), builder.pass_environment(), run,
                           training_cost(before.spec, phase));
  after.fused = false;
  after.label = fmt::format("the model after '{}'", phase.name);
  after.load = [stage = after.stage](const StageFolder& folder) { return read_checkpoint(folder(*stage) / kModelFolder); };
  return after;
}

}  // namespace symphony
