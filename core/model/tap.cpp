// Names of the activation points, and the tap of one layer.
#include "core/model/tap.hpp"

#include <array>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/layer_tap.hpp"

namespace symphony {

namespace {

constexpr std::array<std::pair<Site, const char*>, 11> kSites{{{Site::embedding, "embedding"},
                                                              {Site::residual_in, "residual_in"},
                                                              {Site::attention_out, "attention_out"},
                                                              {Site::ffn_in, "ffn_in"},
                                                              {Site::ffn_gate, "ffn_gate"},
                                                              {Site::ffn_hidden, "ffn_hidden"},
                                                              {Site::ffn_out, "ffn_out"},
                                                              {Site::residual, "residual"},
                                                              {Site::router_logits, "router_logits"},
                                                              {Site::router_choices, "router_choices"},
                                                              {Site::router_weights, "router_weights"}}};

}  // namespace

Tap::~Tap() = default;

std::string site_name(Site site) {
  for (const auto& [known, name] : kSites)
    if (known == site) return name;
  SYMPHONY_ASSERT(false);
  return {};
}

Site site_from_name(std::string_view name) {
  for (const auto& [site, known] : kSites)
    if (name == known) return site;
  fail<ConfigError>("activation site", "got {}; {}", quoted(name), name_hint(name, site_names()));
}

std::vector<std::string> site_names() {
  std::vector<std::string> result;
  for (const auto& [site, name] : kSites) result.emplace_back(name);
  return result;
}

LayerTap::LayerTap(Tap* tap, std::int64_t layer, const TokenBatch& tokens) : tap_(tap), layer_(layer), tokens_(tokens) {}

void LayerTap::record(Site site, const torch::Tensor& values) const {
  if (!wants(site) || !values.defined()) return;
  torch::Tensor rows;
  if (tokens_.first_token >= 0)
    rows = torch::arange(tokens_.first_token, tokens_.first_token + tokens_.token_ids_N.size(0), tokens_.token_ids_N.options());
  tap_->record(site, layer_, -1, values.detach(), rows);
}

void LayerTap::record_expert(Site site, std::int64_t expert, const torch::Tensor& values, const torch::Tensor& rows) const {
  if (!wants(site)) return;
  tap_->record(site, layer_, expert, values.detach(), tokens_.first_token > 0 ? rows + tokens_.first_token : rows);
}

}  // namespace symphony
