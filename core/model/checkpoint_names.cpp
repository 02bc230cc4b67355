// The table of checkpoint_names.hpp, as substitutions after the layer's prefix.
#include "core/model/checkpoint_names.hpp"

#include <array>
#include <charconv>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr std::string_view kLayers = "model.layers.";
constexpr ExpertNames kPackedNames;  // the router's, and canonical slices
constexpr ExpertNames kCanonical{"mlp.experts.", "gate_proj.weight", "up_proj.weight", "down_proj.weight", "mlp.router."};

}  // namespace

LayerName split_layer(std::string_view name) {
  if (!name.starts_with(kLayers)) return {-1, name};
  const std::string_view after = name.substr(kLayers.size());
  std::int64_t layer = -1;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), layer);
  const auto digits = static_cast<std::size_t>(end - after.data());
  if (error != std::errc() || layer < 0 || digits >= after.size() || after[digits] != '.') return {-1, name};
  return {layer, after.substr(digits + 1)};
}

std::int64_t router_layer(std::string_view canonical_name) {
  const LayerName name = split_layer(canonical_name);
  return name.layer >= 0 && name.rest.starts_with(kCanonical.router) && name.rest.size() > kCanonical.router.size() ? name.layer : -1;
}

std::string disk_name(const Family& family, ExpertLayout layout, std::string_view canonical_name) {
  if (!family.moe) return std::string(canonical_name);
  const ExpertNames& names = layout == ExpertLayout::packed ? kPackedNames : family.moe->names;
  const LayerName name = split_layer(canonical_name);
  if (router_layer(canonical_name) >= 0)
    return family.moe->names.router.empty() ? std::string(canonical_name) : fmt::format("{}{}", layer_prefix(name.layer), names.router);
  if (name.layer < 0 || !name.rest.starts_with(kCanonical.experts)) return std::string(canonical_name);
  const std::array<std::pair<std::string_view, std::string_view>, 3> matrices = {
      {{kCanonical.gate, names.gate}, {kCanonical.up, names.up}, {kCanonical.down, names.down}}};
  for (const auto& [canonical, disk] : matrices) {
    if (!name.rest.ends_with(canonical)) continue;
    const std::string_view expert = name.rest.substr(kCanonical.experts.size(), name.rest.size() - kCanonical.experts.size() - canonical.size());
    return fmt::format("{}{}{}{}", layer_prefix(name.layer), names.experts, expert, disk);
  }
  SYMPHONY_ASSERT(!"an expert tensor without a name on disk");
  return {};
}

}  // namespace symphony
