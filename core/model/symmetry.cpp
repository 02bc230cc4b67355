// The table of groups for the Llama and Qwen2 family (methods-alignment, section 1), and what may be asked of them. Acting along an axis with A is
// right for writers' rows (y' = A y) and, for readers' columns, so is the dual action: W A^-1 = (A^-T W^T)^T.
#include "core/model/symmetry.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr const char* kRouterWeight = "mlp.router.weight";
constexpr std::array kAttentionReaders{"q_proj", "k_proj", "v_proj"};
constexpr double kOrthogonalityTolerance = 1e-5;
constexpr double kLargestUnitScale = 1e3;

std::vector<std::string> ffn_prefixes(const ModelSpec& spec, const std::string& layer) {
  if (!spec.moe) return {layer + "mlp."};
  std::vector<std::string> prefixes;
  for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert) prefixes.push_back(fmt::format("{}mlp.experts.{}.", layer, expert));
  if (spec.moe->shared_width > 0) prefixes.push_back(layer + "mlp.shared_expert.");
  return prefixes;
}

/// The tensors that read the normalised stream behind `place`, all along their columns.
std::vector<std::string> readers_of(const ModelSpec& spec, const NormPlace& place) {
  if (place.layer < 0) return {"lm_head.weight"};
  const std::string layer = layer_prefix(place.layer);
  std::vector<std::string> readers;
  if (place.gain.ends_with("input_layernorm.weight")) {
    for (const char* reader : kAttentionReaders) readers.push_back(fmt::format("{}self_attn.{}.weight", layer, reader));
    return readers;
  }
  if (spec.moe) readers.push_back(layer + kRouterWeight);
  if (spec.moe && spec.moe->shared_width > 0) readers.push_back(layer + "mlp.shared_expert_gate.weight");
  for (const std::string& ffn : ffn_prefixes(spec, layer))
    for (const char* reader : {"gate_proj.weight", "up_proj.weight"}) readers.push_back(ffn + reader);
  return readers;
}

/// The tensors that add to the residual stream, all along their rows; the embedding adds along its columns.
std::vector<std::string> writers_of(const ModelSpec& spec, std::int64_t layer) {
  std::vector<std::string> writers{layer_prefix(layer) + "self_attn.o_proj.weight"};
  for (const std::string& ffn : ffn_prefixes(spec, layer_prefix(layer))) writers.push_back(ffn + "down_proj.weight");
  return writers;
}

SymmetryGroup gain_group(const ModelSpec& spec, const NormPlace& place, const char* suffix) {
  SymmetryGroup group{place.id + suffix, "gains", place.layer, spec.hidden_size, 1, 1, {.permutations = false, .signs = true, .scales = true}, {}};
  group.uses.push_back({place.gain, 0});
  for (std::string& reader : readers_of(spec, place)) group.uses.push_back({std::move(reader), 1, 1, false, Action::dual});
  return group;
}

SymmetryGroup residual_group(const ModelSpec& spec) {
  SymmetryGroup group{"residual", "residual", -1, spec.hidden_size, 1, 1, {.signs = true, .rotations = !spec.tied_head}, {}};
  auto& uses = group.uses;
  uses.push_back({"model.embed_tokens.weight", 1});
  for (const NormPlace& place : norm_places(spec)) {
    uses.push_back({place.gain, 0, 1, false, Action::relabel});
    for (std::string& reader : readers_of(spec, place)) uses.push_back({std::move(reader), 1, 1, false, Action::dual});
  }
  if (spec.tied_head) uses.push_back({"model.norm.weight", 0, 1, false, Action::relabel});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
    for (std::string& writer : writers_of(spec, layer)) uses.push_back({std::move(writer), 0});
  return group;
}

SymmetryGroup residual_scale_group(const ModelSpec& spec) {
  SymmetryGroup group{"residual.scale", "", -1, 1, 1, 1, {.permutations = false, .scales = true}, {{"model.embed_tokens.weight", kAllEntries}}};
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
    for (std::string& writer : writers_of(spec, layer)) group.uses.push_back({std::move(writer), kAllEntries});
  if (spec.tied_head) group.uses.push_back({"model.norm.weight", kAllEntries, 1, false, Action::dual});
  return group;
}

SymmetryGroup heads_group(const ModelSpec& spec, std::int64_t layer) {
  SymmetryGroup group{fmt::format("layer.{}.heads", layer), "attention_heads", layer, spec.num_heads, spec.heads_per_kv(), 1, {}, {}};
  const std::string prefix = layer_prefix(layer) + "self_attn.";
  for (const char* projection : kAttentionReaders) {
    const bool by_kv_group = projection[0] != 'q';
    group.uses.push_back({prefix + projection + ".weight", 0, spec.head_dim, by_kv_group});
    if (spec.qkv_bias) group.uses.push_back({prefix + projection + ".bias", 0, spec.head_dim, by_kv_group});
  }
  group.uses.push_back({prefix + "o_proj.weight", 1, spec.head_dim});
  return group;
}

/// A gauge of the heads of every KV group of a layer.
SymmetryGroup gauge_group(const ModelSpec& spec, std::int64_t layer, const char* name, TransformKind kind) {
  return {fmt::format("layer.{}.{}", layer, name), "gauge", layer, spec.num_kv_heads * spec.head_dim, 1, spec.num_kv_heads, {.kind = kind, .permutations = false}, {}};
}

SymmetryGroup qk_group(const ModelSpec& spec, std::int64_t layer) {
  SymmetryGroup group = gauge_group(spec, layer, "qk", TransformKind::pairs);
  if (spec.qk_norm) group.freedom.factors = PairFactors::signs;
  const std::string prefix = layer_prefix(layer) + "self_attn.";
  for (const char* part : {".weight", ".bias"}) {
    if (part[1] == 'b' && !spec.qkv_bias) continue;
    group.uses.push_back({prefix + "q_proj" + part, 0, 1, false, Action::direct, spec.heads_per_kv()});
    group.uses.push_back({prefix + "k_proj" + part, 0, 1, false, Action::dual});
  }
  return group;
}

/// What heads with norms of their own leave of S4 for all heads of a layer at once.
void add_normed_head_groups(const ModelSpec& spec, std::int64_t layer, std::vector<SymmetryGroup>& groups) {
  const std::string prefix = layer_prefix(layer) + "self_attn.";
  const auto group = [&](const char* name, std::int64_t size, const Freedom& freedom) {
    return SymmetryGroup{fmt::format("layer.{}.{}", layer, name), "gauge", layer, size, 1, 1, freedom, {}};
  };
  const auto rows = [&](SymmetryGroup& of, char letter) {
    const std::int64_t heads = letter == 'q' ? spec.num_heads : spec.num_kv_heads;
    of.uses.push_back({fmt::format("{}{}_proj.weight", prefix, letter), 0, 1, false, Action::direct, heads});
    if (spec.qkv_bias) of.uses.push_back({fmt::format("{}{}_proj.bias", prefix, letter), 0, 1, false, Action::direct, heads});
  };
  const auto gain = [&](SymmetryGroup& of, char letter, Action action, std::int64_t repeat) {
    of.uses.push_back({fmt::format("{}{}_norm.weight", prefix, letter), 0, 1, false, action, repeat});
  };
  SymmetryGroup turn = group("qk_turn", spec.head_dim, {.kind = TransformKind::pairs, .permutations = false, .factors = PairFactors::quarter_turns});
  for (const char letter : {'q', 'k'}) rows(turn, letter), gain(turn, letter, Action::relabel, 1);
  groups.push_back(std::move(turn));
  for (const char letter : {'q', 'k'}) {
    SymmetryGroup signs = group(letter == 'q' ? "q_signs" : "k_signs", spec.head_dim, {.permutations = false, .signs = true});
    rows(signs, letter), gain(signs, letter, Action::direct, 1);
    groups.push_back(std::move(signs));
  }
  SymmetryGroup scale = group("qk_scale", spec.head_dim / 2, {.permutations = false, .scales = true});
  gain(scale, 'q', Action::direct, 2), gain(scale, 'k', Action::dual, 2);
  groups.push_back(std::move(scale));
}

SymmetryGroup vo_group(const ModelSpec& spec, std::int64_t layer) {
  SymmetryGroup group = gauge_group(spec, layer, "vo", TransformKind::blocks);
  const std::string prefix = layer_prefix(layer) + "self_attn.";
  group.uses.push_back({prefix + "v_proj.weight", 0});
  if (spec.qkv_bias) group.uses.push_back({prefix + "v_proj.bias", 0});
  group.uses.push_back({prefix + "o_proj.weight", 1, 1, false, Action::dual, spec.heads_per_kv()});
  return group;
}

void add_ffn_groups(const ModelSpec& spec, std::int64_t layer, std::vector<SymmetryGroup>& groups) {
  const auto prefixes = ffn_prefixes(spec, layer_prefix(layer));
  for (std::size_t expert = 0; expert < prefixes.size(); ++expert) {
    const bool is_shared = spec.moe && expert == static_cast<std::size_t>(spec.moe->num_experts);
    const std::int64_t width = is_shared ? spec.moe->shared_width : spec.moe ? spec.moe->expert_width : spec.ffn_size;
    const std::string id = is_shared ? fmt::format("layer.{}.shared_expert.ffn", layer)
                           : spec.moe ? fmt::format("layer.{}.expert.{}.ffn", layer, expert)
                                      : fmt::format("layer.{}.ffn", layer);
    groups.push_back({id, "ffn", layer, width, 1, 1, {.signs = true, .scales = true},
                      {{prefixes[expert] + "gate_proj.weight", 0, 1, false, Action::relabel},
                       {prefixes[expert] + "up_proj.weight", 0},
                       {prefixes[expert] + "down_proj.weight", 1, 1, false, Action::dual}}});
  }
}

std::string exact_kinds(const SymmetryGroup& group) {
  const Freedom& freedom = group.freedom;
  if (freedom.kind == TransformKind::blocks) return fmt::format("{} changes of basis are", group.num_blocks);
  if (freedom.kind == TransformKind::pairs) return fmt::format("{} sets of factors of rotary pairs are", group.num_blocks);
  std::vector<std::string> kinds;
  if (freedom.permutations) kinds.emplace_back("permutations");
  if (freedom.signs) kinds.emplace_back("signs");
  if (freedom.scales) kinds.emplace_back("scales");
  if (freedom.rotations) kinds.emplace_back("rotations");
  return join(kinds, " and ") + " are";
}

void check_keeps_groups(const Transform& heads, const SymmetryGroup& group, std::string_view who) {
  for (std::int64_t slot = 0; slot < heads.size(); ++slot) {
    const std::int64_t first = heads.perm()[static_cast<std::size_t>(slot - slot % group.group_size)];
    const std::int64_t unit = heads.perm()[static_cast<std::size_t>(slot)];
    if (unit / group.group_size != first / group.group_size)
      fail<PluginError>(who, "group '{}': query heads {} and {} go to one KV group but come from two; whole groups of {} must move together", group.id,
                        first, unit, group.group_size);
  }
}

void check_rotation(const Transform& transform, const SymmetryGroup& group, std::string_view who) {
  const torch::Tensor matrix = transform.entries()[0];
  const double error = (matrix.mm(matrix.t()) - torch::eye(matrix.size(0), torch::kFloat64)).abs().max().item<double>();
  if (!(error <= kOrthogonalityTolerance))
    fail<PluginError>(who, "group '{}': max|Q Q^T - I| is {:.3g}, expected at most {:.0e}", group.id, error, kOrthogonalityTolerance);
}

void check_factors(const Transform& transform, const SymmetryGroup& group, std::string_view who) {
  const PairFactors allowed = group.freedom.factors;
  if (allowed == PairFactors::any) return;
  const bool is_real = torch::imag(transform.entries()).eq(0).all().item<bool>();
  if (!transform.is_quarter_turns() || (allowed == PairFactors::signs && !is_real))
    fail<PluginError>(who, "group '{}': a rotary pair of heads with norms of their own has a factor other than {}", group.id,
                      allowed == PairFactors::signs ? "1 and -1" : "1, i, -1 and -i");
}

void check_monomial(const Transform& transform, const SymmetryGroup& group, std::string_view who) {
  const Freedom& freedom = group.freedom;
  const char* const scope = group.scope.empty() ? "none" : group.scope.c_str();
  if (!freedom.permutations && transform.count_moved() > 0)
    fail<PluginError>(who, "group '{}': {} units move; permutations are no symmetry of scope {}", group.id, transform.count_moved(), scope);
  if (!freedom.signs && transform.count_negative() > 0)
    fail<PluginError>(who, "group '{}': {} units have sign -1; signs are no symmetry of scope {}", group.id, transform.count_negative(), scope);
  if (!freedom.scales && !transform.is_exact()) fail<PluginError>(who, "group '{}': scales are no symmetry of scope {}", group.id, scope);
  if (group.scope == "ffn")
    for (const double scale : transform.scale())
      if (scale > kLargestUnitScale || scale < 1 / kLargestUnitScale)
        fail<PluginError>(who, "group '{}': a unit is scaled by {:.3g}, expected between {} and {}", group.id, scale, 1 / kLargestUnitScale, kLargestUnitScale);
  if (group.group_size > 1) check_keeps_groups(transform, group, who);
}

void check_mixing(const SymmetryGroup& group, std::string_view who, bool approximate) {
  if (group.scope != "ffn") fail<PluginError>(who, "group '{}': got a mixing of units, which is for FFN units alone; only {} exact there", group.id, exact_kinds(group));
  if (!approximate)
    fail<PluginError>(who, "group '{}': got a mixing of units, which changes the function; only {} exact there, and a method that means to change the "
                           "function must declare itself approximate", group.id, exact_kinds(group));
}

void check_transform(const Transform& transform, const SymmetryGroup& group, std::string_view who, bool approximate) {
  if (transform.size() != group.size)
    fail<PluginError>(who, "group '{}': the transform has {} units, the model has {}", group.id, transform.size(), group.size);
  if (transform.is_mixing()) return check_mixing(group, who, approximate);
  const bool rotation = group.freedom.rotations && transform.kind() == TransformKind::blocks && transform.num_blocks() == 1;
  if (rotation) return check_rotation(transform, group, who);
  if (transform.kind() != group.freedom.kind || transform.num_blocks() != group.num_blocks)
    fail<PluginError>(who, "group '{}': got {}; only {} exact there", group.id,
                      transform.kind() == TransformKind::blocks  ? fmt::format("dense matrices on {} stretches", transform.num_blocks())
                      : transform.kind() == TransformKind::pairs ? fmt::format("factors of rotary pairs on {} stretches", transform.num_blocks())
                                                                 : std::string("a permutation"),
                      exact_kinds(group));
  if (transform.is_monomial()) check_monomial(transform, group, who);
  if (transform.kind() == TransformKind::pairs) check_factors(transform, group, who);
}

}  // namespace

std::vector<NormPlace> norm_places(const ModelSpec& spec) {
  std::vector<NormPlace> places;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    places.push_back({fmt::format("layer.{}.attention_norm", layer), layer_prefix(layer) + "input_layernorm.weight", layer});
    places.push_back({fmt::format("layer.{}.ffn_norm", layer), layer_prefix(layer) + "post_attention_layernorm.weight", layer});
  }
  if (!spec.tied_head) places.push_back({"final_norm", "model.norm.weight", -1});
  return places;
}

std::vector<SymmetryGroup> symmetry_groups(const ModelSpec& spec) {
  std::vector<SymmetryGroup> groups;
  for (const NormPlace& place : norm_places(spec)) groups.push_back(gain_group(spec, place, ".fold"));
  groups.push_back(residual_group(spec));
  if (!spec.qk_norm) groups.push_back(residual_scale_group(spec));
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    groups.push_back(heads_group(spec, layer));
    groups.push_back(qk_group(spec, layer));
    if (spec.qk_norm) add_normed_head_groups(spec, layer, groups);
    groups.push_back(vo_group(spec, layer));
    add_ffn_groups(spec, layer, groups);
  }
  for (const NormPlace& place : norm_places(spec)) groups.push_back(gain_group(spec, place, ""));
  return groups;
}

const SymmetryGroup& find_group(const std::vector<SymmetryGroup>& groups, std::string_view id) {
  std::vector<std::string> ids;
  for (const SymmetryGroup& group : groups) {
    if (group.id == id) return group;
    ids.push_back(group.id);
  }
  fail<PluginError>("symmetry", "no group {}; {}", quoted(id), name_hint(id, ids));
}

std::vector<std::string> scope_names() { return {"ffn", "attention_heads", "gauge", "gains", "residual"}; }

void check_transforms(const std::vector<SymmetryGroup>& groups, const TransformSet& set, std::string_view who, bool approximate) {
  std::vector<std::string> ids;
  for (const SymmetryGroup& group : groups) ids.push_back(group.id);
  for (const auto& [id, transform] : set) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&id = id](const SymmetryGroup& candidate) { return candidate.id == id; });
    if (group == groups.end()) fail<PluginError>(who, "a transform for the unknown group {}; {}", quoted(id), name_hint(id, ids));
    check_transform(transform, *group, who, approximate);
  }
}

Transform induced_on_groups(const Transform& heads, std::int64_t group_size) {
  std::vector<std::int64_t> perm;
  for (std::int64_t slot = 0; slot < heads.size(); slot += group_size) perm.push_back(heads.perm()[static_cast<std::size_t>(slot)] / group_size);
  return Transform::monomial(std::move(perm));
}

}  // namespace symphony
