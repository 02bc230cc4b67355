// How much memory and disk a stage takes, estimated from shapes: for `runner plan`, and for the scheduler, which holds jobs back rather than let
// the machine swap. Memory is what no file backs (RssAnon): weights that are mapped from a checkpoint do not count.
#pragma once

#include <cstdint>

#include "core/model/model_spec.hpp"
#include "core/pipeline/stage.hpp"
#include "core/train/trainer.hpp"

namespace symphony {

/// Weights of a model, float32.
std::uint64_t model_bytes(const ModelSpec& spec);

/// Reading and tokenising text that is not there yet: its size is not known.
StageCost text_cost();
/// Training all or a part of a model; the trained model is kept.
StageCost training_cost(const ModelSpec& spec, const TrainSettings& settings);
/// Statistics of so many calibration tokens, 0 for none, through two sources at a time, and the invariance check on `num_windows` of `window_tokens`.
StageCost alignment_cost(const ModelSpec& spec, std::size_t num_sources, std::int64_t tokens, std::int64_t num_windows, std::int64_t window_tokens);
/// Fusing and measuring the sources one tensor at a time; where the router's first values need them, statistics of `tokens`.
StageCost assembly_cost(const ModelSpec& assembled, std::size_t num_sources, std::int64_t tokens);
/// Scoring windows of `window_tokens`, one at a time, with `num_models` models held at once. `fused`: the model is put together on reading.
StageCost evaluation_cost(const ModelSpec& spec, std::size_t num_models, bool fused, std::int64_t window_tokens);
/// Windows of `window_tokens` through the model, one at a time, with `kept_bytes` of what is heard logged.
StageCost activation_cost(const ModelSpec& spec, bool fused, std::int64_t window_tokens, std::uint64_t kept_bytes);

}  // namespace symphony
