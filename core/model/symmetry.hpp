// The symmetry groups of an architecture, as data: which axes of which tensors move together, and which transforms are exact there.
// Derivations and proofs: methods-alignment section 1 (S1 to S9). An alignment plugin returns transforms for groups; only core applies them,
// so no plugin can apply one wrongly. In canonical order, in which they are applied:
//
//   {norm}.fold         size D      S6 in the source's coordinates: gain times s, its readers' columns divided by s; s = 1 / gain folds the gain
//   residual            size D      S7: signed permutation, the same at every layer; embedding and head columns, readers' columns, writers' rows, norm
//                                   gains (permuted, unsigned), router columns. S8: any rotation, once all gains are 1 and the head is untied
//   residual.scale      size 1      S9: embedding and writers times c, the norms' epsilon times c^2 (not with qk_norm: its norms share the epsilon)
//   layer.{l}.heads     size n_q    S5: permutation of query heads that maps KV groups to KV groups; q rows, o columns by query head; k, v by group
//   layer.{l}.qk        size n_kv d S4: one complex number a rotary pair and KV group; q of all heads of the group by c, k by 1 / conj(c). With
//                                   qk_norm signs alone; what else that leaves of S4 (methods-alignment 1.3) all heads of the layer share:
//   layer.{l}.qk_turn   size d          quarter turns of rotary pairs in q and k; the two entries of both norms' gains change places
//   layer.{l}.q_signs, .k_signs  size d signs of features in the rows of all q or k heads, and in the gains of their norm
//   layer.{l}.qk_scale  size d / 2      both gains of a pair in the norm of q times s, in the norm of k divided by s
//   layer.{l}.vo        size n_kv d S3: a change of basis in every KV group; v rows, o columns of all heads of the group by the inverse
//   layer.{l}.ffn       size F      S1, S2: permutation of hidden units; signs and scales on up rows, undone on down columns (never on gate rows)
//   layer.{l}.expert.{e}.ffn        the same inside one expert of an MoE; layer.{l}.shared_expert.ffn, inside the shared one
//   {norm}              size D      S6 in the anchor's coordinates, after everything else
//
// {norm} is layer.{l}.attention_norm, layer.{l}.ffn_norm, or final_norm (untied heads only).
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
  std::int64_t axis = 0;                ///< kAllEntries: every entry of the tensor, for a group of one unit
  std::int64_t block = 1;               ///< consecutive entries that move together
  bool by_kv_group = false;             ///< the axis is indexed by KV head: the transform induced on groups applies
  Action action = Action::direct;
  std::int64_t repeat = 1;              ///< stretches in a row that each block acts on
};
constexpr std::int64_t kAllEntries = -1;

/// Which factors of rotary pairs: all, 1, i, -1 and -i, or 1 and -1.
enum class PairFactors { any, quarter_turns, signs };

/// What is exact in a group, beside the identity.
struct Freedom {
  TransformKind kind = TransformKind::monomial;
  bool permutations = true;             ///< of monomials
  bool signs = false;
  bool scales = false;
  bool rotations = false;               ///< one orthogonal matrix in place of a monomial
  PairFactors factors = PairFactors::any;  ///< of pairs
};

struct SymmetryGroup {
  std::string id;
  std::string scope;                    ///< what a config calls it; empty: no alignment may ask for it
  std::int64_t layer = -1;
  std::int64_t size = 0;
  std::int64_t group_size = 1;          ///< > 1: units come in consecutive groups that must be mapped to whole groups (query heads of a KV head)
  std::int64_t num_blocks = 1;          ///< stretches of blocks and pairs
  Freedom freedom;
  std::vector<AxisUse> uses;
};

/// In canonical order.
std::vector<SymmetryGroup> symmetry_groups(const ModelSpec& spec);
const SymmetryGroup& find_group(const std::vector<SymmetryGroup>& groups, std::string_view id);
/// "ffn", "attention_heads", "gauge", "gains", "residual": what a config may ask for.
std::vector<std::string> scope_names();

/// A norm, its gain and the groups that scale it.
struct NormPlace {
  std::string id;                       ///< of the group after the residual; `id` + ".fold" is the one before
  std::string gain;                     ///< tensor name
  std::int64_t layer = -1;
};
/// Every norm whose gain is free, in the order of the forward pass.
std::vector<NormPlace> norm_places(const ModelSpec& spec);

/// Throws PluginError naming `who` when a transform names an unknown group, has the wrong size or kind, uses signs, scales or a rotation where
/// they are no symmetry, scales an FFN unit by less than 1e-3 or more than 1e3, or tears a KV group apart. A mixing is no symmetry of anything: it is
/// admitted for FFN units, and only where `approximate` says that a change of the function is meant.
void check_transforms(const std::vector<SymmetryGroup>& groups, const TransformSet& set, std::string_view who, bool approximate = false);

/// The KV-head permutation that a query-head permutation induces.
Transform induced_on_groups(const Transform& heads, std::int64_t group_size);

/// The element that acts as `first`, then `later`: gauges of `first` move with the heads and turns of `later`, gains between two residual elements are
/// carried past a permutation. Throws NumericError when they stand between two rotations and do not cancel, and for a mixing, as inverse() does.
TransformSet compose(const ModelSpec& spec, const TransformSet& later, const TransformSet& first);
TransformSet inverse(const ModelSpec& spec, const TransformSet& set);

/// The model with `set` applied, tensor by tensor, on reading: exactly the same function as `model`, up to rounding, but for a mixing. Tensors that only exact
/// transforms touch keep every bit of every number; the others are computed in float64 and rounded once. Throws PluginError when the residual
/// element is a rotation and a gain is not 1 where it acts.
Model apply_transforms(const Model& model, const TransformSet& set);

/// The same model with a head of its own: S6 on the final norm and S8 are symmetries of untied models alone. A view.
Model untied(const Model& model);

}  // namespace symphony
