// Canonical names and those on disk, matched both ways.
#include "core/model/checkpoint_tensors.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/packed_experts.hpp"
#include "core/tensor/overlay_source.hpp"
#include "core/tensor/renamed_source.hpp"

namespace symphony {

namespace {

constexpr const char* kHead = "lm_head.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr std::string_view kSharedExpert = "mlp.shared_expert";

using NameMap = std::map<std::string, std::string, std::less<>>;  ///< canonical to the name in a source
using NameInSource = std::function<std::string(const std::string& canonical)>;

std::string listed(const std::vector<std::string>& names, const std::vector<std::string>& candidates) {
  constexpr std::size_t kShown = 6;
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (parts.size() == kShown) {
      parts.emplace_back("...");
      break;
    }
    const auto near = nearest_name(name, candidates);
    parts.push_back(near ? fmt::format("{} (is it {}?)", quoted(name), quoted(*near)) : quoted(name));
  }
  return join(parts, ", ");
}

/// Shapes and element types of the tensors that the spec lists, and of the router's that it implies.
void check_tensor(const TensorSource& source, const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorInfo& info = source.info(name);
  if (info.shape != shape)
    fail<DataError>(source.label(), "tensor {} has shape {}, the configuration asks for {}", quoted(name), shape_text(info.shape), shape_text(shape));
  if (!torch::isFloatingType(info.dtype))
    fail<DataError>(source.label(), "tensor {} is {}, expected a floating-point type", quoted(name), torch::toString(info.dtype));
}

/// Old files store the rotary frequencies, which follow from rope_theta.
bool is_derived(std::string_view name) { return name.ends_with(".rotary_emb.inv_freq"); }

/// Qwen2-MoE always has a shared expert; one of width 0 adds nothing, whatever its gate says.
bool is_empty_shared_expert(const ModelSpec& spec, const TensorInfo& info) {
  const bool adds_nothing = info.name.ends_with("_gate.weight") || std::count(info.shape.begin(), info.shape.end(), 0) > 0;
  return spec.moe && spec.moe->shared_width == 0 && split_layer(info.name).rest.starts_with(kSharedExpert) && adds_nothing;
}

/// A tied head may be stored all the same, as the embedding's double.
bool is_tied_double(const TensorSource& source, const ModelSpec& spec, std::string_view name) {
  if (!spec.tied_head || name != kHead) return false;
  if (!torch::equal(source.get(kHead), source.get(kEmbedding)))
    fail<DataError>(source.label(), "tie_word_embeddings is true, but {} differs from {}", kHead, kEmbedding);
  return true;
}

/// What a model of the spec and family must hold: the spec's tensors, and the router that the family implies.
std::vector<SpecTensor> expected_tensors(const ModelSpec& spec, const Family& family) {
  std::vector<SpecTensor> tensors = spec_tensors(spec);
  if (!spec.moe || family.moe->names.router.empty()) return tensors;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
    tensors.push_back({layer_prefix(layer) + "mlp.router.weight", TensorKind::router, layer, -1, {spec.moe->num_experts, spec.hidden_size}});
  return tensors;
}

NameMap match_tensors(const TensorSource& source, const ModelSpec& spec, const Family& family, const NameInSource& name_in_source) {
  NameMap matched;
  std::set<std::string, std::less<>> used;
  std::vector<std::string> missing, extra;
  for (const SpecTensor& tensor : expected_tensors(spec, family)) {
    const std::string name = name_in_source(tensor.name);
    used.insert(name);
    if (!source.find(name)) {
      missing.push_back(name);
      continue;
    }
    check_tensor(source, name, tensor.shape);
    matched.emplace(tensor.name, name);
  }
  const bool any_router = spec.moe && family.moe->names.router.empty();
  for (const TensorInfo& info : source.infos()) {
    if (used.count(info.name) || is_derived(info.name) || is_empty_shared_expert(spec, info)) continue;
    const std::int64_t layer = any_router ? router_layer(info.name) : -1;
    if (layer >= 0 && layer < spec.num_layers) matched.emplace(info.name, info.name);
    else extra.push_back(info.name);
  }
  if (missing.empty() && extra.size() == 1 && is_tied_double(source, spec, extra.front())) extra.clear();
  if (!missing.empty())
    fail<DataError>(source.label(), "{} tensors of the configuration are missing: {}{}", missing.size(), listed(missing, extra),
                    !spec.tied_head && missing.front() == kHead ? "; is tie_word_embeddings true?" : "");
  if (!extra.empty()) fail<DataError>(source.label(), "{} tensors are not in the configuration: {}", extra.size(), listed(extra, {}));
  return matched;
}

/// The shared expert of width 0 that a family cannot be without.
TensorMap empty_shared_experts(const ModelSpec& spec, torch::ScalarType dtype) {
  TensorMap tensors;
  const auto zeros = [dtype](std::int64_t rows, std::int64_t columns) { return torch::zeros({rows, columns}, torch::TensorOptions().dtype(dtype)); };
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = fmt::format("{}{}", layer_prefix(layer), kSharedExpert);
    tensors[prefix + ".gate_proj.weight"] = tensors[prefix + ".up_proj.weight"] = zeros(0, spec.hidden_size);
    tensors[prefix + ".down_proj.weight"] = zeros(spec.hidden_size, 0);
    tensors[prefix + "_gate.weight"] = zeros(1, spec.hidden_size);
  }
  return tensors;
}

}  // namespace

std::shared_ptr<const TensorSource> canonical_view(std::shared_ptr<const TensorSource> stored, const ModelSpec& spec, const Family& family,
                                                   const std::string& label) {
  const bool is_packed = spec.moe && has_packed_experts(*stored);
  if (is_packed) stored = unpacked_experts(std::move(stored), spec);
  const ExpertLayout layout = is_packed ? ExpertLayout::packed : ExpertLayout::separate;
  NameMap names = match_tensors(*stored, spec, family, [&](const std::string& canonical) { return disk_name(family, layout, canonical); });
  return std::make_shared<const RenamedSource>(std::move(stored), std::move(names), label);
}

std::shared_ptr<const TensorSource> disk_view(const Model& model, const Family& family, ExpertLayout layout, const std::string& label) {
  const ModelSpec& spec = model.spec;
  NameMap canonical_of;
  for (const auto& [canonical, unused] : match_tensors(*model.tensors, spec, family, [](const std::string& canonical) { return canonical; }))
    canonical_of.emplace(disk_name(family, layout, canonical), canonical);
  std::shared_ptr<const TensorSource> view = std::make_shared<const RenamedSource>(model.tensors, std::move(canonical_of), label);
  if (!spec.moe) return view;
  if (layout == ExpertLayout::packed) view = packed_experts(std::move(view), spec);
  const bool needs_shared = !family.moe->shared_width.empty() && !family.spec_family.empty() && spec.moe->shared_width == 0;
  if (!needs_shared) return view;
  return std::make_shared<const OverlaySource>(std::move(view), empty_shared_experts(spec, model.tensors->info(kEmbedding).dtype));
}

}  // namespace symphony
