// The parameters of a decoder by role instead of by name: what the forward pass reads. The tensors are shared with the map they come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/model/model_spec.hpp"
#include "core/model/router.hpp"
#include "core/tensor/tensor_source.hpp"

namespace symphony {

/// One SwiGLU FFN: gate and up [F, D], down [D, F].
struct FfnParameters {
  torch::Tensor gate_FD, up_FD, down_DF;
};

struct LayerParameters {
  torch::Tensor attention_norm_D, ffn_norm_D;
  torch::Tensor query, key, value, output;      ///< weights [out, in]
  torch::Tensor query_bias, key_bias, value_bias;  ///< undefined without qkv_bias
  torch::Tensor query_norm_H, key_norm_H;       ///< undefined without qk_norm
  std::vector<FfnParameters> ffns;              ///< one, or one a routed expert
  std::optional<FfnParameters> shared;          ///< the shared expert
  torch::Tensor shared_gate_1D;                 ///< undefined without it
  TensorMap router;                             ///< under the router's own names; empty without MoE
};

/// Picks the tensors of one layer out of `parameters`; without `router` the router's are left out. Throws DataError naming what is missing.
LayerParameters layer_parameters(const ModelSpec& spec, const Router* router, const TensorMap& parameters, std::int64_t layer);

/// The tensor, or DataError with the nearest name.
const torch::Tensor& parameter(const TensorMap& parameters, std::string_view name);

/// "model.layers.3.mlp.router.weight"
std::string router_parameter_name(std::int64_t layer, std::string_view parameter);

/// The head [V, D]: the embedding's own matrix when they are tied.
const torch::Tensor& head_parameter(const ModelSpec& spec, const TensorMap& parameters);

/// Names and shapes of everything that a decoder with this spec and router holds: what spec_tensors lists, and each layer's router.
std::vector<SpecTensor> decoder_tensors(const ModelSpec& spec, const Router* router);

}  // namespace symphony
