// What training a source and post-training a merged model have in common: batches, a resumable loop, the series in the record, the progress
// line.
#pragma once

#include <string>
#include <vector>

#include "core/model/language_model.hpp"
#include "core/pipeline/builder.hpp"
#include "core/train/trainer.hpp"

namespace symphony {

struct TrainingJob {
  TrainSettings settings;
  std::vector<StagePtr> texts;             ///< of the domains that are read, equal shares
  std::uint64_t seed = 0;                  ///< of the batches and of routers that draw
  std::int64_t log_every = 10;
  torch::ScalarType dtype = torch::kFloat32;  ///< of forward and backward
};

/// Trains `model` in place. Resumes from the scope's checkpoints, bit-identically; throws Interrupted after saving when asked to stop.
void run_training(LanguageModel& model, const TrainingJob& job, StageScope& scope);

}  // namespace symphony
