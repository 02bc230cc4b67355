// Probe tokens through a model, a tap that hands what it hears to the log.
#include "core/pipeline/activation_stage.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/log/activations.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/pipeline/text_stage.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;

std::size_t site_features(const ModelSpec& spec, Site site) {
  switch (site) {
    // An MoE has as many hidden vectors a token as it has chosen experts, which one row a token cannot hold.
    case Site::ffn_hidden: return static_cast<std::size_t>(spec.moe ? 0 : spec.ffn_size);
    case Site::router_logits: return static_cast<std::size_t>(spec.moe ? spec.moe->num_experts : 0);
    case Site::router_choices:
    case Site::router_weights: return 0;
    default: return static_cast<std::size_t>(spec.hidden_size);
  }
}

/// The configured sites that this model has one vector a token for; the record names those left out. Routers' choices and weights have their
/// own record (suite routing).
std::vector<Site> logged_sites(const ModelSpec& spec, const std::vector<std::string>& names, Recorder& recorder) {
  std::vector<Site> sites;
  std::vector<std::string> left_out;
  for (const std::string& name : names) {
    if (site_features(spec, site_from_name(name)) > 0) sites.push_back(site_from_name(name));
    else left_out.push_back(name);
  }
  if (!left_out.empty()) recorder.note("sites_left_out", join(left_out, ", "));
  return sites;
}

/// Of the raw activations that the log will hold.
std::uint64_t raw_bytes(const Experiment& experiment, const ModelSpec& spec) {
  const ActivationLogging& settings = experiment.logging.activations;
  std::uint64_t values_a_token = 0;
  for (const std::string& name : settings.sites) values_a_token += site_features(spec, site_from_name(name)) * static_cast<std::size_t>(spec.num_layers);
  const std::uint64_t value_bytes = settings.type == "float16" ? 2 : 4;
  return values_a_token * value_bytes * static_cast<std::uint64_t>(settings.tokens) * experiment.domains.size();
}

class LogTap final : public Tap {
 public:
  LogTap(ActivationLog& log, std::vector<Site> sites) : log_(log), sites_(std::move(sites)) {}

  void begin_domain(std::size_t domain) { domain_ = domain; }

  bool wants(Site site, std::int64_t layer) const override {
    const bool listed = std::find(sites_.begin(), sites_.end(), site) != sites_.end();
    return listed && (site != Site::embedding || layer == 0);
  }

  void record(Site site, std::int64_t layer, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    const auto site_idx = static_cast<std::size_t>(std::find(sites_.begin(), sites_.end(), site) - sites_.begin());
    const torch::Tensor dense = values.to(torch::kFloat32).contiguous();
    const std::span<const float> span(dense.data_ptr<float>(), static_cast<std::size_t>(dense.numel()));
    log_.add(site_idx, static_cast<std::size_t>(layer), domain_, span, 0);
  }

 private:
  ActivationLog& log_;
  std::vector<Site> sites_;
  std::size_t domain_ = 0;
};

}  // namespace

StagePtr make_activations(const StageBuilder& builder, const ModelHandle& model, const std::vector<StagePtr>& texts) {
  const Experiment& experiment = *builder.experiment;
  Value parameters = ValueMap{};
  parameters.set("settings", Schema::of<ActivationLogging>()->read(&experiment.logging.activations));
  parameters.set("length", experiment.windows.length);
  ValueList names;
  for (const auto& [name, recipe] : experiment.domains) names.push_back(name);
  parameters.set("domains", std::move(names));
  std::vector<StagePtr> inputs{model.stage};
  inputs.insert(inputs.end(), texts.begin(), texts.end());

  const auto run = [builder, model, texts](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    const Experiment& what = *builder.experiment;
    const ActivationLogging& settings = what.logging.activations;
    const Model loaded = model.load(scope.input);
    const LanguageModel language_model(loaded, builder.router_for(loaded.spec));
    const std::vector<Site> sites = logged_sites(loaded.spec, settings.sites, scope.record);

    ActivationOptions options;
    for (const Site site : sites) options.sites.push_back({site_name(site), site_features(loaded.spec, site)});
    for (std::int64_t layer = 0; layer < loaded.spec.num_layers; ++layer) options.layers.push_back(layer);
    for (const auto& [name, recipe] : what.domains) options.domains.push_back(name);
    options.tokens = static_cast<std::size_t>(settings.tokens);
    options.half = settings.type == "float16";
    ActivationLog log(scope.record, "", options);  // at the root: the record becomes a group of its own
    LogTap tap(log, sites);

    for (std::size_t domain = 0; domain < texts.size(); ++domain) {
      const torch::Tensor held_out = load_text(scope.input(*texts[domain])).held_out.tokens_T.to(torch::kInt64);
      const std::int64_t length = std::min(what.windows.length, held_out.size(0));
      const std::int64_t rows = std::max<std::int64_t>(1, std::min(settings.tokens, held_out.size(0)) / length);
      const torch::Tensor probe_BT = held_out.narrow(0, 0, rows * length).view({rows, length});
      const torch::Tensor ids = probe_BT.contiguous();
      log.token_ids(domain, std::span(ids.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())));
      tap.begin_domain(domain);
      ForwardOptions forward;
      forward.tap = &tap;
      language_model.run(probe_BT, positions_for(probe_BT), forward);
      scope.progress(static_cast<double>(domain + 1) / static_cast<double>(texts.size()), "");
    }
    log.finish();
  };
  return make_stage("activations", kRevision, fmt::format("activations of {}", model.label), std::move(parameters), std::move(inputs),
                    builder.environment, run, activation_cost(model.spec, model.fused, experiment.logging.activations.tokens, raw_bytes(experiment, model.spec)));
}

}  // namespace symphony
