// The windows that suites score, through the model; a tap hands what it hears to the log.
#include "core/pipeline/activation_stage.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/log/activations.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/held_out.hpp"
#include "core/pipeline/stage_cost.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 2;

/// Features of a site in this model, 0 for a router's site in a dense one.
std::size_t site_features(const ModelSpec& spec, const Router* router, Site site) {
  switch (site) {
    case Site::ffn_gate:
    case Site::ffn_hidden: return static_cast<std::size_t>(spec.moe ? spec.moe->expert_width : spec.ffn_size);
    case Site::router_logits: return static_cast<std::size_t>(spec.moe ? spec.moe->num_experts : 0);
    case Site::router_choices:
    case Site::router_weights: return static_cast<std::size_t>(spec.moe && router ? router->choices_per_token(spec.moe->num_experts) : 0);
    default: return static_cast<std::size_t>(spec.hidden_size);
  }
}

/// "0 code", "1 scripture": sources may stand behind several experts.
std::vector<std::string> expert_names(const ModelHandle& model) {
  std::vector<std::string> names;
  const std::int64_t count = model.spec.moe ? model.spec.moe->num_experts : 0;
  for (std::int64_t expert = 0; expert < count; ++expert) {
    const auto index = static_cast<std::size_t>(expert);
    const std::string source = index < model.expert_sources.size() ? model.expert_sources[index] : "";
    names.push_back(source.empty() ? std::to_string(expert) : fmt::format("{} {}", expert, source));
  }
  return names;
}

/// What is logged of this model: the configured sites that it has.
struct LoggedSites {
  ActivationOptions options;
  std::vector<Site> sites;            ///< as options.sites
  std::vector<std::string> left_out;  ///< configured, but not of this model
};

LoggedSites logged_sites(const Experiment& experiment, const ModelHandle& model, const Router* router) {
  const ActivationLogging& settings = experiment.logging.activations;
  LoggedSites logged;
  ActivationOptions& options = logged.options;
  for (std::int64_t layer = 0; layer < model.spec.num_layers; ++layer) options.layers.push_back(layer);
  for (const auto& [name, recipe] : experiment.domains) options.domains.push_back(name);
  options.tokens = static_cast<std::size_t>(settings.tokens);
  options.half = settings.type == "float16";
  for (const std::string& name : settings.sites) {
    const Site site = site_from_name(name);
    ActivationSite entry{name, site_features(model.spec, router, site), {}, {}, site == Site::router_choices};
    if (entry.features == 0) {
      logged.left_out.push_back(name);
      continue;
    }
    if (site == Site::embedding) entry.layers = {0};
    if (model.spec.moe && (site == Site::ffn_gate || site == Site::ffn_hidden)) entry.experts = expert_names(model);
    options.sites.push_back(std::move(entry));
    logged.sites.push_back(site);
  }
  return logged;
}

/// Hears one window at a time. Rows before the first that predicts a scored token were another window's.
class LogTap final : public Tap {
 public:
  LogTap(ActivationLog& log, std::vector<Site> sites) : log_(log), sites_(std::move(sites)) {}

  void begin_window(std::size_t domain, std::int64_t skipped, std::size_t first_token) { domain_ = domain, skipped_ = skipped, first_token_ = first_token; }

  bool wants(Site site, std::int64_t layer) const override {
    const bool listed = std::find(sites_.begin(), sites_.end(), site) != sites_.end();
    return listed && (site != Site::embedding || layer == 0);
  }

  void record(Site site, std::int64_t layer, std::int64_t expert, const torch::Tensor& values, const torch::Tensor& token_rows) override {
    ActivationPlace place{static_cast<std::size_t>(std::find(sites_.begin(), sites_.end(), site) - sites_.begin()), static_cast<std::size_t>(layer), domain_, 0};
    const torch::Tensor dense = values.to(torch::kCPU, torch::kFloat32).contiguous();
    const auto features = static_cast<std::size_t>(dense.size(1));
    const std::span<const float> all(dense.data_ptr<float>(), static_cast<std::size_t>(dense.numel()));
    if (expert < 0) return log_.add(place, all.subspan(static_cast<std::size_t>(skipped_) * features), first_token_);
    place.expert = static_cast<std::size_t>(expert);
    add_expert(place, all, features, token_rows.to(torch::kCPU, torch::kInt64).contiguous());
  }

 private:
  /// An expert's rows in the order of their tokens, without those that another window had.
  void add_expert(const ActivationPlace& place, std::span<const float> values_NF, std::size_t features, const torch::Tensor& rows_N) {
    const std::span<const std::int64_t> rows(rows_N.data_ptr<std::int64_t>(), static_cast<std::size_t>(rows_N.numel()));
    kept_.clear(), tokens_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (rows[row] < skipped_) continue;
      tokens_.push_back(rows[row] - skipped_ + static_cast<std::int64_t>(first_token_));
      kept_.insert(kept_.end(), values_NF.begin() + static_cast<std::ptrdiff_t>(row * features), values_NF.begin() + static_cast<std::ptrdiff_t>((row + 1) * features));
    }
    log_.add(place, kept_, std::span<const std::int64_t>(tokens_));
  }

  ActivationLog& log_;
  std::vector<Site> sites_;
  std::size_t domain_ = 0, first_token_ = 0;
  std::int64_t skipped_ = 0;
  std::vector<float> kept_;
  std::vector<std::int64_t> tokens_;
};

/// Every window of a domain, one at a time as suites do it.
void log_domain(const LanguageModel& model, const WindowSet& windows, std::size_t domain, ActivationLog& log, LogTap& tap) {
  ForwardOptions forward;
  forward.tap = &tap;
  std::size_t token = 0;
  for (std::int64_t window = 0; window < windows.size(); ++window) {
    const torch::Tensor inputs_1T = windows.tokens_NT.slice(0, window, window + 1).slice(1, 0, -1).contiguous();
    const std::int64_t skipped = windows.first_scored[static_cast<std::size_t>(window)] - 1;
    const std::span<const std::int64_t> ids(inputs_1T.data_ptr<std::int64_t>() + skipped, static_cast<std::size_t>(inputs_1T.size(1) - skipped));
    log.token_ids(domain, ids, token);
    tap.begin_window(domain, skipped, token);
    model.run(inputs_1T, positions_for(inputs_1T), forward);
    token += ids.size();
  }
}

}  // namespace

StagePtr make_activations(const StageBuilder& builder, const ModelHandle& model, const std::vector<StagePtr>& texts) {
  const Experiment& experiment = *builder.experiment;
  Value parameters = ValueMap{};
  parameters.set("settings", Schema::of<ActivationLogging>()->read(&experiment.logging.activations));
  add_windows(experiment, parameters);
  parameters.set("experts", ValueList(model.expert_sources.begin(), model.expert_sources.end()));
  std::vector<StagePtr> inputs{model.stage};
  inputs.insert(inputs.end(), texts.begin(), texts.end());

  const auto run = [builder, model, texts](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    const Experiment& what = *builder.experiment;
    const Model loaded = model.load(scope.input);
    const auto router = builder.router_for(loaded.spec);
    const LanguageModel language_model = builder.loaded(loaded);
    const LoggedSites logged = logged_sites(what, model, router.get());
    if (!logged.left_out.empty()) scope.record.note("sites_left_out", join(logged.left_out, ", "));
    ActivationLog log(scope.record, "", logged.options);  // at the root: the record becomes a group of its own
    LogTap tap(log, logged.sites);
    for (std::size_t domain = 0; domain < texts.size(); ++domain) {
      log_domain(language_model, load_held_out(what, domain, texts[domain], scope.input).windows, domain, log, tap);
      scope.progress(static_cast<double>(domain + 1) / static_cast<double>(texts.size()), "");
    }
    log.finish();
  };
  const ActivationBytes bytes = activation_bytes(logged_sites(experiment, model, builder.router_for(model.spec).get()).options);
  return make_stage("activations", kRevision, fmt::format("activations of {}", model.label), std::move(parameters), std::move(inputs), builder.pass_environment(), run,
                    activation_cost(model.spec, model.fused, experiment.windows.length, bytes.raw + bytes.statistics));
}

}  // namespace symphony
