// The table of checkpoint_names.hpp, as substitutions after the layer's prefix.
#include "core/model/checkpoint_names.hpp"

#include <array>
#include <charconv>

#include "core/base/error.hpp"

namespace symphony {

namespace {

// The one method name in core: the file format means this router.
constexpr const char* kMixtralRouter = "top_k";
constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kExperts = "mlp.experts.", kDiskExperts = "block_sparse_moe.experts.";
constexpr std::string_view kRouter = "mlp.router.", kDiskGate = "block_sparse_moe.gate.weight";
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kProjections = {
    {{".gate_proj.weight", ".w1.weight"}, {".down_proj.weight", ".w2.weight"}, {".up_proj.weight", ".w3.weight"}}};

/// "model.layers.3.mlp.x" split into layer 3 and "mlp.x"; layer -1 for names outside the layers.
struct LayerName {
  std::int64_t layer = -1;
  std::string_view rest;
};

LayerName split_layer(std::string_view name) {
  if (!name.starts_with(kLayers)) return {};
  const std::string_view after = name.substr(kLayers.size());
  std::int64_t layer = -1;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), layer);
  const auto digits = static_cast<std::size_t>(end - after.data());
  if (error != std::errc() || layer < 0 || digits >= after.size() || after[digits] != '.') return {};
  return {layer, after.substr(digits + 1)};
}

}  // namespace

Method mixtral_router(std::int64_t experts_per_token) { return {kMixtralRouter, ValueMap{{"k", experts_per_token}}}; }

bool is_mixtral(const ModelSpec& spec) {
  if (!spec.moe || spec.qkv_bias || spec.moe->output_scale != 1.0) return false;
  const Value* k = spec.moe->router.params.find("k");
  return k && k->is_int() && spec.moe->router == mixtral_router(k->as_int());
}

std::int64_t router_layer(std::string_view canonical_name) {
  const LayerName name = split_layer(canonical_name);
  return name.rest.starts_with(kRouter) && name.rest.size() > kRouter.size() ? name.layer : -1;
}

std::string disk_name(const ModelSpec& spec, std::string_view canonical_name) {
  if (!spec.moe) return std::string(canonical_name);
  const LayerName name = split_layer(canonical_name);
  if (router_layer(canonical_name) >= 0)
    return is_mixtral(spec) ? fmt::format("{}{}", layer_prefix(name.layer), kDiskGate) : std::string(canonical_name);
  if (!name.rest.starts_with(kExperts)) return std::string(canonical_name);
  for (const auto& [canonical, disk] : kProjections) {
    if (!name.rest.ends_with(canonical)) continue;
    const std::string_view expert = name.rest.substr(kExperts.size(), name.rest.size() - kExperts.size() - canonical.size());
    return fmt::format("{}{}{}{}", layer_prefix(name.layer), kDiskExperts, expert, disk);
  }
  SYMPHONY_ASSERT(!"an expert tensor without a name on disk");
  return {};
}

}  // namespace symphony
