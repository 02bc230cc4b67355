// Constants fitted to measured peaks; the tests hold the estimates to a factor of 1.5.
#include "core/pipeline/stage_cost.hpp"

#include <algorithm>

#include "core/base/process.hpp"
#include "core/model/layer_streamed.hpp"

namespace symphony {

namespace {

constexpr std::uint64_t kRecordBytes = std::uint64_t{64} << 10;    ///< record.h5 and stage.json
constexpr std::uint64_t kFloat = 4, kDouble = 8;

/// A worker before it does anything, LibTorch and the plugins loaded: what this process has, which depends on the LibTorch. Asked once, so that all stages
/// of a plan agree, and in steps, so that two plans of one experiment do.
std::uint64_t program_bytes() {
  constexpr std::uint64_t kStep = std::uint64_t{8} << 20;
  static const std::uint64_t measured = (own_anonymous_bytes() + kStep - 1) / kStep * kStep;
  return measured;
}

std::uint64_t bytes(std::int64_t count, std::uint64_t size = kFloat) { return static_cast<std::uint64_t>(count) * size; }

/// Routers call the number of experts that a token goes to `k`.
std::int64_t chosen_experts(const ModelSpec& spec) {
  if (!spec.moe) return 1;
  const Value* k = spec.moe->router.params.find("k");
  return k && k->is_int() ? k->as_int() : 1;
}

std::int64_t ffn_width(const ModelSpec& spec) { return spec.moe ? spec.moe->expert_width : spec.ffn_size; }

std::uint64_t largest_tensor_bytes(const ModelSpec& spec) {
  return bytes(std::max(spec.vocab_size * spec.hidden_size, ffn_width(spec) * spec.hidden_size));
}

/// What the backward pass of one token waits for: so many vectors of the residual stream's width and of each chosen FFN's, a layer.
std::uint64_t training_bytes_a_token(const ModelSpec& spec) {
  constexpr std::int64_t kResidualVectors = 16, kFfnVectors = 6;
  return bytes(spec.num_layers * (kResidualVectors * spec.hidden_size + kFfnVectors * ffn_width(spec) * chosen_experts(spec)));
}

/// Logits and what is made of them.
std::uint64_t logits_bytes(const ModelSpec& spec, std::int64_t tokens) { return 3 * bytes(tokens * spec.vocab_size); }

/// A model on its way into memory: its weights and, when it is fused on reading, the largest tensor as it comes out of that.
std::uint64_t loading_bytes(const ModelSpec& spec, bool fused) { return model_bytes(spec) + (fused ? largest_tensor_bytes(spec) : 0); }

/// Moments of what layers read and of their FFNs' hidden units: sums in float64, and copies of one chunk of tokens.
std::uint64_t moments_bytes(const ModelSpec& spec, std::int64_t tokens) {
  constexpr std::int64_t kChunkTokens = 4096, kMatrices = 3;
  const std::int64_t hidden = spec.hidden_size, ffn = spec.ffn_size, chunk = std::min(tokens, kChunkTokens);
  return bytes(kMatrices * (hidden * hidden + ffn * ffn), kDouble) + bytes(2 * tokens * hidden) + bytes(chunk * (8 * hidden + 4 * ffn), kDouble);
}

}  // namespace

// Closed, because a plan of ten thousand runs asks a hundred thousand times.
std::uint64_t model_bytes(const ModelSpec& spec) {
  const std::int64_t query = spec.num_heads * spec.head_dim, key_value = spec.num_kv_heads * spec.head_dim;
  const std::int64_t attention = spec.hidden_size * (2 * query + 2 * key_value) + (spec.qkv_bias ? query + 2 * key_value : 0);
  const std::int64_t ffns = (spec.moe ? spec.moe->num_experts : 1) * 3 * spec.hidden_size * ffn_width(spec);
  const std::int64_t outside = (spec.tied_head ? 1 : 2) * spec.vocab_size * spec.hidden_size + spec.hidden_size;
  return bytes(outside + spec.num_layers * (attention + ffns + 2 * spec.hidden_size));
}

StageCost text_cost() { return {.peak_memory_bytes = program_bytes()}; }

StageCost training_cost(const ModelSpec& spec, const TrainSettings& settings) {
  constexpr std::uint64_t kCopies = 4;  // weights, gradients, two moments
  const std::int64_t tokens = settings.batch_size * settings.sequence_length;
  return {.kept_bytes = model_bytes(spec) + kRecordBytes,
          .peak_memory_bytes = program_bytes() + kCopies * model_bytes(spec) + static_cast<std::uint64_t>(tokens) * training_bytes_a_token(spec) +
                               logits_bytes(spec, std::min<std::int64_t>(tokens, 512))};
}

StageCost alignment_cost(const ModelSpec& spec, std::size_t num_sources, std::int64_t tokens, std::int64_t num_windows, std::int64_t window_tokens) {
  constexpr std::int64_t kBytesAUnit = 8;
  const std::int64_t units = spec.num_layers * (spec.ffn_size + spec.num_heads) + spec.hidden_size;
  const std::int64_t chunk = std::min(num_windows * window_tokens, std::max(window_tokens, options_for_logits(spec).chunk_tokens));
  // A head in float32, and what it was before in another type.
  const std::uint64_t check = 3 * largest_tensor_bytes(spec) / 2 + 2 * logits_bytes(spec, chunk);
  // What asks for statistics often moves the head too.
  const std::uint64_t measured = tokens > 0 ? 2 * largest_tensor_bytes(spec) + moments_bytes(spec, tokens) : 0;
  return {.kept_bytes = kRecordBytes + num_sources * bytes(units, kBytesAUnit),
          .peak_memory_bytes = program_bytes() + std::max(check, measured)};
}

StageCost assembly_cost(const ModelSpec& assembled, std::size_t num_sources, std::int64_t tokens) {
  // What is fused, and its copy in the type that is written. Sources are mapped, or a share of what they would take in float32, and no more than all of one.
  const std::uint64_t fusing = (8 + std::min<std::uint64_t>(num_sources, 6)) * largest_tensor_bytes(assembled) / 6;
  return {.kept_bytes = kRecordBytes, .peak_memory_bytes = program_bytes() + fusing + (assembled.moe ? moments_bytes(assembled, tokens) / 2 : 0)};
}

StageCost evaluation_cost(const ModelSpec& spec, std::size_t num_models, bool fused, std::int64_t window_tokens) {
  return {.kept_bytes = kRecordBytes,
          .peak_memory_bytes = program_bytes() + (num_models - 1) * model_bytes(spec) + loading_bytes(spec, fused) + logits_bytes(spec, window_tokens)};
}

StageCost activation_cost(const ModelSpec& spec, bool fused, std::int64_t window_tokens, std::uint64_t kept_bytes) {
  return {.kept_bytes = kRecordBytes + kept_bytes, .peak_memory_bytes = program_bytes() + loading_bytes(spec, fused) + logits_bytes(spec, window_tokens) + kept_bytes};
}

}  // namespace symphony
