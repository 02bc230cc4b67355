// The groups of the Llama and Qwen2 family (methods-alignment, table of section 1):
//   S1, S2 signs  ffn: gate rows (unsigned), up rows, down columns                    per layer, per expert
//   S5            attention_heads: q rows and bias, o columns by query head; k, v rows and biases by KV head
//   S7            residual: every axis of width D in the network, one element for all layers because of the identity skips
// Acting along an axis with A is right for writers' rows (y' = A y) and, A being orthogonal, for readers' columns (W A^-1 = W A^T).
#include "core/model/symmetry.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr const char* kRouterWeight = "mlp.router.weight";

std::vector<std::string> ffn_prefixes(const ModelSpec& spec, const std::string& layer) {
  if (!spec.moe) return {layer + "mlp."};
  std::vector<std::string> prefixes;
  for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert) prefixes.push_back(fmt::format("{}mlp.experts.{}.", layer, expert));
  return prefixes;
}

SymmetryGroup residual_group(const ModelSpec& spec) {
  SymmetryGroup group{"residual", "residual", -1, spec.hidden_size, true, 1, {}};
  auto& uses = group.uses;
  uses.push_back({"model.embed_tokens.weight", 1});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    uses.push_back({prefix + "input_layernorm.weight", 0, 1, false, false});
    for (const char* reader : {"q_proj", "k_proj", "v_proj"}) uses.push_back({fmt::format("{}self_attn.{}.weight", prefix, reader), 1});
    uses.push_back({prefix + "self_attn.o_proj.weight", 0});
    uses.push_back({prefix + "post_attention_layernorm.weight", 0, 1, false, false});
    if (spec.moe) uses.push_back({prefix + kRouterWeight, 1});
    for (const std::string& ffn : ffn_prefixes(spec, prefix)) {
      uses.push_back({ffn + "gate_proj.weight", 1});
      uses.push_back({ffn + "up_proj.weight", 1});
      uses.push_back({ffn + "down_proj.weight", 0});
    }
  }
  uses.push_back({"model.norm.weight", 0, 1, false, false});
  if (!spec.tied_head) uses.push_back({"lm_head.weight", 1});
  return group;
}

SymmetryGroup heads_group(const ModelSpec& spec, std::int64_t layer) {
  SymmetryGroup group{fmt::format("layer.{}.heads", layer), "attention_heads", layer, spec.num_heads, false, spec.heads_per_kv(), {}};
  const std::string prefix = fmt::format("model.layers.{}.self_attn.", layer);
  for (const char* projection : {"q_proj", "k_proj", "v_proj"}) {
    const bool by_kv_group = projection[0] != 'q';
    group.uses.push_back({prefix + projection + ".weight", 0, spec.head_dim, by_kv_group});
    if (spec.qkv_bias) group.uses.push_back({prefix + projection + ".bias", 0, spec.head_dim, by_kv_group});
  }
  group.uses.push_back({prefix + "o_proj.weight", 1, spec.head_dim});
  return group;
}

std::vector<SymmetryGroup> ffn_groups(const ModelSpec& spec, std::int64_t layer) {
  std::vector<SymmetryGroup> groups;
  const std::int64_t width = spec.moe ? spec.moe->expert_width : spec.ffn_size;
  const auto prefixes = ffn_prefixes(spec, fmt::format("model.layers.{}.", layer));
  for (std::size_t expert = 0; expert < prefixes.size(); ++expert) {
    const std::string id = spec.moe ? fmt::format("layer.{}.expert.{}.ffn", layer, expert) : fmt::format("layer.{}.ffn", layer);
    groups.push_back({id, "ffn", layer, width, true, 1,
                      {{prefixes[expert] + "gate_proj.weight", 0, 1, false, false},
                       {prefixes[expert] + "up_proj.weight", 0},
                       {prefixes[expert] + "down_proj.weight", 1}}});
  }
  return groups;
}

/// One axis move that a view makes when it reads a tensor.
struct AxisMove {
  Transform transform;
  std::int64_t axis, block;
  bool with_signs;
};
using TensorMoves = std::map<std::string, std::vector<AxisMove>, std::less<>>;

class TransformedSource final : public TensorSource {
 public:
  TransformedSource(std::shared_ptr<const TensorSource> source, TensorMoves moves, std::string label)
      : source_(std::move(source)), moves_(std::move(moves)), label_(std::move(label)) {}

  const std::vector<TensorInfo>& infos() const override { return source_->infos(); }
  std::string label() const override { return label_; }

  torch::Tensor get(std::string_view name) const override {
    torch::Tensor tensor = source_->get(name);
    const auto moves = moves_.find(name);
    if (moves == moves_.end()) return tensor;
    for (const AxisMove& move : moves->second) tensor = move.transform.apply(tensor, move.axis, move.block, move.with_signs);
    return tensor.contiguous();
  }

 private:
  std::shared_ptr<const TensorSource> source_;
  TensorMoves moves_;
  std::string label_;
};

void check_keeps_groups(const Transform& heads, std::int64_t group_size, std::string_view who, const std::string& id) {
  for (std::int64_t slot = 0; slot < heads.size(); ++slot) {
    const std::int64_t first = heads.perm()[static_cast<std::size_t>(slot - slot % group_size)];
    const std::int64_t unit = heads.perm()[static_cast<std::size_t>(slot)];
    if (unit / group_size != first / group_size)
      fail<PluginError>(who, "group '{}': query heads {} and {} go to one KV group but come from two; whole groups of {} must move together", id,
                        first, unit, group_size);
  }
}

}  // namespace

std::vector<SymmetryGroup> symmetry_groups(const ModelSpec& spec) {
  std::vector<SymmetryGroup> groups{residual_group(spec)};
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    groups.push_back(heads_group(spec, layer));
    for (SymmetryGroup& group : ffn_groups(spec, layer)) groups.push_back(std::move(group));
  }
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

std::vector<std::string> scope_names() { return {"ffn", "attention_heads", "residual"}; }

void check_transforms(const std::vector<SymmetryGroup>& groups, const TransformSet& set, std::string_view who) {
  std::vector<std::string> ids;
  for (const SymmetryGroup& group : groups) ids.push_back(group.id);
  for (const auto& [id, transform] : set) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&id = id](const SymmetryGroup& candidate) { return candidate.id == id; });
    if (group == groups.end()) fail<PluginError>(who, "a transform for the unknown group {}; {}", quoted(id), name_hint(id, ids));
    if (transform.size() != group->size)
      fail<PluginError>(who, "group '{}': the transform has {} units, the model has {}", id, transform.size(), group->size);
    if (!transform.is_monomial())
      fail<PluginError>(who, "group '{}': got a dense matrix; only permutations{} are exact there", id, group->signs_allowed ? " and signs" : "");
    if (!group->signs_allowed && transform.count_negative() > 0)
      fail<PluginError>(who, "group '{}': {} units have sign -1; signs are no symmetry of scope {}", id, transform.count_negative(), group->scope);
    if (group->group_size > 1) check_keeps_groups(transform, group->group_size, who, id);
  }
}

Transform induced_on_groups(const Transform& heads, std::int64_t group_size) {
  std::vector<std::int64_t> perm;
  for (std::int64_t slot = 0; slot < heads.size(); slot += group_size) perm.push_back(heads.perm()[static_cast<std::size_t>(slot)] / group_size);
  return Transform::monomial(std::move(perm));
}

Model apply_transforms(const Model& model, const TransformSet& set) {
  const auto groups = symmetry_groups(model.spec);
  const std::string label = fmt::format("aligned view of '{}'", model.name);
  check_transforms(groups, set, label);
  TensorMoves moves;
  for (const auto& [id, transform] : set) {
    if (transform.is_identity()) continue;
    const SymmetryGroup& group = find_group(groups, id);
    for (const AxisUse& use : group.uses) {
      // A router that learns nothing, or learns something else than rows over the residual stream, has no such tensor.
      if (use.tensor.ends_with(kRouterWeight) && !model.tensors->find(use.tensor)) continue;
      const TensorInfo& info = model.tensors->info(use.tensor);
      const Transform moved = use.by_kv_group ? induced_on_groups(transform, group.group_size) : transform;
      if (use.axis >= static_cast<std::int64_t>(info.shape.size()) || info.shape[static_cast<std::size_t>(use.axis)] != moved.size() * use.block)
        fail<DataError>(label, "'{}' has shape {}, expected {} entries along axis {} for group '{}'", use.tensor, shape_text(info.shape),
                        moved.size() * use.block, use.axis, id);
      moves[use.tensor].push_back({moved, use.axis, use.block, use.takes_sign});
    }
  }
  return {model.spec, std::make_shared<TransformedSource>(model.tensors, std::move(moves), label), model.name};
}

TransformSet random_transforms(const std::vector<SymmetryGroup>& groups, const std::vector<std::string>& scopes, bool with_signs, std::uint64_t seed) {
  TransformSet set;
  for (const SymmetryGroup& group : groups) {
    if (std::find(scopes.begin(), scopes.end(), group.scope) == scopes.end()) continue;
    Random random(seed, "symmetry." + group.id);
    std::vector<std::int64_t> perm;
    for (const std::int64_t from : random.permutation(group.size / group.group_size))
      for (const std::int64_t within : random.permutation(group.group_size)) perm.push_back(from * group.group_size + within);
    std::vector<std::int8_t> sign;
    if (with_signs && group.signs_allowed)
      for (std::int64_t unit = 0; unit < group.size; ++unit) sign.push_back(random.below(2) == 0 ? 1 : -1);
    set.emplace(group.id, Transform::monomial(std::move(perm), std::move(sign)));
  }
  return set;
}

}  // namespace symphony
