// Training: next-token cross-entropy plus the routers' balance term, AdamW, warm-up and cosine, clipping by global norm. A run is a
// deterministic function of the model, the batches, the settings and the seed; interrupted and resumed it gives the same bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/model/language_model.hpp"

namespace symphony {

struct TrainSettings {
  std::vector<std::string> train = {"all"};  ///< the parts that learn; set by the caller, not among the described keys
  double balance = 0.01;                     ///< coefficient of the routers' balance term; likewise
  std::int64_t steps = 500;
  std::int64_t batch_size = 16;
  std::int64_t sequence_length = 128;
  double learning_rate = 3e-3;
  double warmup = 0.05;
  double final_fraction = 0.1;
  double weight_decay = 0.1;
  double clip = 1.0;

  static void describe(Schema& s);
};

/// Batch of a step: int64 [batch_size, sequence_length + 1], a pure function of the step.
using BatchFn = std::function<torch::Tensor(std::int64_t step)>;

struct StepReport {
  std::int64_t step = 0;           ///< 0-based
  std::int64_t steps = 0;          ///< of the run
  double loss = 0.0;               ///< nats a token, before this step's update
  double balance = 0.0;            ///< unweighted balance term; NaN without one
  double gradient_norm = 0.0;      ///< before clipping
  double learning_rate = 0.0;
  double tokens_per_second = 0.0;  ///< of this step
};
/// "step 120/500, loss 1.234, 24.1k tokens/s, 12 s left"
std::string progress_text(const StepReport& report);

struct TrainHooks {
  std::function<void(const StepReport&)> on_step;  ///< after every step
  std::function<bool()> stop_requested;            ///< polled between steps
  std::filesystem::path checkpoint;                ///< a file: resumed from when it exists; empty: none
  std::int64_t checkpoint_every = 0;               ///< steps; 0: only when stopped
  std::uint64_t seed = 0;                          ///< handed to routers that draw
  torch::ScalarType dtype = torch::kFloat32;       ///< of forward and backward; what is trained keeps its own type
};

struct TrainOutcome {
  std::int64_t steps_done = 0;
  bool finished = false;           ///< false when stop_requested said so; the checkpoint, if any, then holds the state
  double last_loss = 0.0;          ///< of the last step of this call; NaN when it made none
};

/// Trains `model` in place. Throws ConfigError for parts it does not have, DataError for a batch of another shape or a checkpoint of
/// other settings, NumericError naming the step when loss or gradient norm is not finite. No gradient is computed for frozen parameters.
TrainOutcome train(LanguageModel& model, const BatchFn& batch, const TrainSettings& settings, const TrainHooks& hooks = {});

}  // namespace symphony
