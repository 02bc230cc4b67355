// The training loop.
#include "core/train/trainer.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include <torch/csrc/autograd/autograd.h>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/train/checkpointing.hpp"
#include "core/train/optimiser.hpp"
#include "core/train/schedule.hpp"
#include "core/train/trainable.hpp"

namespace symphony {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The trained parameters require gradients for as long as this lives.
class RequireGradients {
 public:
  explicit RequireGradients(std::vector<torch::Tensor> parameters) : parameters_(std::move(parameters)) { set(true); }
  ~RequireGradients() { set(false); }
  RequireGradients(const RequireGradients&) = delete;
  RequireGradients& operator=(const RequireGradients&) = delete;

 private:
  void set(bool value) const {
    for (const torch::Tensor& tensor : parameters_) tensor.set_requires_grad(value);
  }
  std::vector<torch::Tensor> parameters_;
};

torch::Tensor checked_batch(const BatchFn& batch, const TrainSettings& settings, std::int64_t step) {
  auto tokens_BT = batch(step);
  if (tokens_BT.sizes() != torch::IntArrayRef({settings.batch_size, settings.sequence_length + 1}))
    fail<DataError>("training", "the batch of step {} has shape {}, expected {} (batch_size, sequence_length + 1)", step,
                    shape_text(tokens_BT.sizes()), shape_text(std::vector<std::int64_t>{settings.batch_size, settings.sequence_length + 1}));
  return tokens_BT;
}

/// What is read off the device once a step.
struct StepNumbers {
  double loss, balance, gradient_norm;
};

StepNumbers training_step(const LanguageModel& model, AdamW& optimiser, const torch::Tensor& tokens_BT, const TrainSettings& settings,
                          const ForwardOptions& options, double learning_rate) {
  const LossResult result = model.loss(tokens_BT, options);
  const double loss = result.nats.item<double>();
  if (!std::isfinite(loss)) fail<NumericError>("training", "the loss of step {} is {}, expected a finite number", options.step, loss);
  const bool balanced = result.balance.defined() && settings.balance != 0.0;
  const auto objective = balanced ? result.nats + result.balance * settings.balance : result.nats;
  const auto gradients = torch::autograd::grad({objective}, optimiser.parameters(), {}, false, false, true);

  const double norm = global_norm(gradients);
  if (!std::isfinite(norm)) fail<NumericError>("training", "the gradient norm of step {} is {}, expected a finite number", options.step, norm);
  // The small constant is torch.nn.utils.clip_grad_norm_'s, so that loss curves can be compared.
  const double scale = settings.clip > 0.0 ? std::min(1.0, settings.clip / (norm + 1e-6)) : 1.0;
  optimiser.step(gradients, learning_rate, scale);
  return {loss, result.balance.defined() ? result.balance.item<double>() : std::nan(""), norm};
}

}  // namespace

void TrainSettings::describe(Schema& s) {
  s.field<&TrainSettings::steps>("steps", "optimiser steps").at_least(0);
  s.field<&TrainSettings::batch_size>("batch_size", "sequences a step").at_least(1);
  s.field<&TrainSettings::sequence_length>("sequence_length", "predicted tokens of a sequence").at_least(1).in("tokens");
  s.field<&TrainSettings::learning_rate>("learning_rate", "peak of the schedule").at_least(0);
  s.field<&TrainSettings::warmup>("warmup", "share of the steps with a linearly rising rate").range(0, 1);
  s.field<&TrainSettings::final_fraction>("final_fraction", "of the peak rate, where the cosine ends").range(0, 1);
  s.field<&TrainSettings::weight_decay>("weight_decay", "decoupled decay of matrices").at_least(0);
  s.field<&TrainSettings::clip>("clip", "largest global gradient norm; 0: no clipping").at_least(0);
}

std::string progress_text(const StepReport& report) {
  return fmt::format("step {}/{}, loss {:.3f}, {:.1f}k tokens/s", report.step + 1, report.steps, report.loss, report.tokens_per_second / 1e3);
}

TrainOutcome train(LanguageModel& model, const BatchFn& batch, const TrainSettings& settings, const TrainHooks& hooks) {
  const TensorMap trained = trainable_parameters(model, settings.train);
  AdamW optimiser(trained, {.weight_decay = settings.weight_decay});
  const std::string identity = fmt::format("seed {} parts {} balance {} {}", hooks.seed, join(settings.train, "+"), settings.balance,
                                           to_json(Schema::of<TrainSettings>()->read(&settings)));
  if (!hooks.checkpoint.empty() && std::filesystem::exists(hooks.checkpoint))
    restore_checkpoint(hooks.checkpoint, trained, optimiser, identity);

  const RequireGradients gradients(optimiser.parameters());
  const Schedule schedule{settings.learning_rate, settings.steps, settings.warmup, settings.final_fraction};
  ForwardOptions options;
  options.training = true;
  options.seed = hooks.seed;
  options.dtype = hooks.dtype;
  const auto tokens_a_step = static_cast<double>(settings.batch_size * settings.sequence_length);
  const auto first_step = optimiser.steps_done();
  TrainOutcome outcome{first_step, false, std::nan("")};
  for (std::int64_t step = first_step; step < settings.steps; ++step) {
    if (hooks.stop_requested && hooks.stop_requested()) {
      if (!hooks.checkpoint.empty()) save_checkpoint(hooks.checkpoint, trained, optimiser, identity);
      return outcome;
    }
    const auto step_start = Clock::now();
    options.step = step;
    const double rate = learning_rate_at(schedule, step);
    const StepNumbers numbers = training_step(model, optimiser, checked_batch(batch, settings, step), settings, options, rate);
    outcome.steps_done = step + 1;
    outcome.last_loss = numbers.loss;
    if (hooks.on_step)
      hooks.on_step({step, settings.steps, numbers.loss, numbers.balance, numbers.gradient_norm, rate, tokens_a_step / seconds_since(step_start)});
    if (!hooks.checkpoint.empty() && hooks.checkpoint_every > 0 && (step + 1) % hooks.checkpoint_every == 0 && step + 1 < settings.steps)
      save_checkpoint(hooks.checkpoint, trained, optimiser, identity);
  }
  outcome.finished = true;
  return outcome;
}

}  // namespace symphony
