// The symmetry groups of an architecture, as data: which axes of which tensors move together, and which transforms are exact there.
// Derivations and proofs: methods-alignment section 1 (S1, S2 signs, S5, S7). An alignment plugin returns transforms for groups; only
// core applies them, so no plugin can apply one wrongly.
//
//   residual            size D      signed permutation, the same at every layer; embedding and head columns, readers' columns, writers' rows,
//                                   norm gains (permuted, unsigned), router columns
//   layer.{l}.heads     size n_q    permutation of query heads that maps KV groups to KV groups; q rows, o columns by query head; k, v rows by group
//   layer.{l}.ffn       size F      permutation of hidden units, signs on up rows and down columns (never on gate rows)
//   layer.{l}.expert.{e}.ffn        the same inside one expert of an MoE
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/align/transform.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

/// How one axis of one tensor moves with its group.
struct AxisUse {
  std::string tensor;
  std::int64_t axis = 0;
  std::int64_t block = 1;       ///< consecutive entries that move together
  bool by_kv_group = false;     ///< the axis is indexed by KV head: the transform induced on groups applies
  bool takes_sign = true;
};

struct SymmetryGroup {
  std::string id;
  std::string scope;            ///< what a config calls it: "residual", "attention_heads", "ffn"
  std::int64_t layer = -1;
  std::int64_t size = 0;
  bool signs_allowed = false;
  std::int64_t group_size = 1;  ///< > 1: units come in consecutive groups that must be mapped to whole groups (query heads of a KV head)
  std::vector<AxisUse> uses;
};

/// In canonical order: residual, then per layer heads and ffn.
std::vector<SymmetryGroup> symmetry_groups(const ModelSpec& spec);
const SymmetryGroup& find_group(const std::vector<SymmetryGroup>& groups, std::string_view id);
std::vector<std::string> scope_names();  ///< "ffn", "attention_heads", "residual"

/// Throws PluginError naming `who` when a transform names an unknown group, has the wrong size, uses signs where they are no symmetry, is
/// dense where only monomials are exact, or tears a KV group apart.
void check_transforms(const std::vector<SymmetryGroup>& groups, const TransformSet& set, std::string_view who);

/// The KV-head permutation that a query-head permutation induces.
Transform induced_on_groups(const Transform& heads, std::int64_t group_size);

/// The model with `set` applied, tensor by tensor, on reading. Exactly the same function as `model`, up to rounding.
Model apply_transforms(const Model& model, const TransformSet& set);

/// A random element of every group whose scope is listed: for tests and planted-symmetry experiments.
TransformSet random_transforms(const std::vector<SymmetryGroup>& groups, const std::vector<std::string>& scopes, bool with_signs, std::uint64_t seed);

}  // namespace symphony
