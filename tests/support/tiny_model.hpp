// Small models for tests: every architectural option, random weights with nothing left at a special value.
#pragma once

#include <cstdint>

#include "core/model/model_spec.hpp"

namespace symphony::testing {

struct TinyOptions {
  std::int64_t layers = 2, hidden = 32, heads = 4, kv_heads = 2, head_dim = 8, ffn = 48, vocab = 61;
  bool qkv_bias = false;         ///< makes the family "qwen2"
  bool tied_head = false;
  std::int64_t num_experts = 0;  ///< 0: dense; otherwise experts of width `ffn` behind router top_k with k = 2
};

ModelSpec tiny_spec(const TinyOptions& options = {});

/// Matrices normal with standard deviation scale / sqrt(columns), norm gains uniform in 0.5..1.5, biases normal with standard deviation
/// 0.3 * scale; of an MoE also `mlp.router.weight` [E, D] when its router is top_k or switch. In memory, float32.
Model random_model(const ModelSpec& spec, std::uint64_t seed, double scale = 1.0);

}  // namespace symphony::testing
