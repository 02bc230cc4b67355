// Tensor names on disk. Dense Llama and Qwen2 models are stored under the canonical names of model_spec.hpp. A Mixture-of-Experts is stored
// under Mixtral's:
//   canonical                                            disk
//   model.layers.{l}.mlp.experts.{e}.gate_proj.weight    model.layers.{l}.block_sparse_moe.experts.{e}.w1.weight
//   model.layers.{l}.mlp.experts.{e}.up_proj.weight      model.layers.{l}.block_sparse_moe.experts.{e}.w3.weight
//   model.layers.{l}.mlp.experts.{e}.down_proj.weight    model.layers.{l}.block_sparse_moe.experts.{e}.w2.weight
//   model.layers.{l}.mlp.router.weight                   model.layers.{l}.block_sparse_moe.gate.weight          (only Mixtral's own router)
// The parameters of any other router keep their canonical names.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/model/model_spec.hpp"

namespace symphony {

/// The router that a Mixtral configuration implies: softmax over the k best of a linear layer, without further options.
Method mixtral_router(std::int64_t experts_per_token);

/// Whether the model computes exactly what transformers' Mixtral computes with its tensors: mixtral_router of some k, output scale 1, no biases.
bool is_mixtral(const ModelSpec& spec);

/// The layer whose router `canonical_name` belongs to, or -1: "model.layers.3.mlp.router.weight" gives 3.
std::int64_t router_layer(std::string_view canonical_name);

/// The name on disk of a canonical tensor of `spec`, router parameters included.
std::string disk_name(const ModelSpec& spec, std::string_view canonical_name);

}  // namespace symphony
