// Tensor names on disk. All but experts and routers keep the canonical names of model_spec.hpp. Experts lie apart, under the names of their
// family, or packed, which is how newer versions of transformers hold them in memory, whatever the family:
//   canonical                                            apart, as Mixtral                                      packed
//   model.layers.{l}.mlp.experts.{e}.gate_proj.weight    model.layers.{l}.block_sparse_moe.experts.{e}.w1.weight  rows 0..F-1 of [e] of gate_up_proj
//   model.layers.{l}.mlp.experts.{e}.up_proj.weight      model.layers.{l}.block_sparse_moe.experts.{e}.w3.weight  rows F..2F-1
//   model.layers.{l}.mlp.experts.{e}.down_proj.weight    model.layers.{l}.block_sparse_moe.experts.{e}.w2.weight  [e] of down_proj
//   model.layers.{l}.mlp.router.weight                   model.layers.{l}.block_sparse_moe.gate.weight            model.layers.{l}.mlp.gate.weight
// with model.layers.{l}.mlp.experts.gate_up_proj [E, 2F, D] and model.layers.{l}.mlp.experts.down_proj [E, D, F]. The parameters of routers
// that no family of transformers has keep their canonical names.
#pragma once

#include <string>
#include <string_view>

#include "core/model/family.hpp"

namespace symphony {

enum class ExpertLayout { separate, packed };

/// "model.layers.3.mlp.x" split into layer 3 and "mlp.x"; layer -1 for names outside the layers. The rest points into the name.
struct LayerName {
  std::int64_t layer = -1;
  std::string_view rest;
};
LayerName split_layer(std::string_view name);

/// The layer whose router `canonical_name` belongs to, or -1: "model.layers.3.mlp.router.weight" gives 3.
std::int64_t router_layer(std::string_view canonical_name);

/// The name of a canonical tensor, router parameters included, in a model of `family`. For packed experts: the name that its slice has in the
/// view of packed_experts.hpp, the canonical one.
std::string disk_name(const Family& family, ExpertLayout layout, std::string_view canonical_name);

}  // namespace symphony
