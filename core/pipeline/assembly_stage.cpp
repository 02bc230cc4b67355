// Carrying the plan out: aligned views, fused on reading; the router's first values layer by layer from the bottom; edits.
#include "core/pipeline/assembly_stage.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/model/invariance.hpp"
#include "core/model/layer_streamed.hpp"
#include "core/model/symmetry.hpp"
#include "core/pipeline/alignment_stage.hpp"
#include "core/pipeline/assemble.hpp"
#include "core/pipeline/calibration.hpp"
#include "core/pipeline/edits.hpp"
#include "core/pipeline/fusion_report.hpp"
#include "core/pipeline/silent_recorder.hpp"
#include "core/pipeline/source_stage.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/fusion.hpp"
#include "core/plugin/router_init.hpp"
#include "core/tensor/safetensors.hpp"
#include "core/tensor/tensor_sink.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 3;
constexpr const char* kRouterFile = "router.safetensors";

/// Everything of an assembly that is decided before a tensor is read.
struct Assembly {
  std::vector<ModelHandle> sources;
  std::optional<ModelHandle> base;
  StagePtr alignment;
  std::vector<StagePtr> texts;
  ExpertPlan plan;
};

/// The configured method of every kind of tensor that `plan` has fused, and where it stands in the experiment.
std::map<TensorKind, const Method*> fusion_choices(const FusionSettings& settings, const ExpertPlan& plan) {
  if (plan.backbone_from) return {};
  std::map<TensorKind, const Method*> choices{{TensorKind::embedding, &settings.embedding}, {TensorKind::attention, &settings.attention},
                                              {TensorKind::norm, &settings.norm}, {TensorKind::lm_head, &settings.lm_head}};
  if (plan.slots.empty()) choices.emplace(TensorKind::ffn, &settings.ffn);
  return choices;
}

/// The assembled model without its router's parameters.
Model assemble_bare(const StageBuilder& builder, const Assembly& assembly, const std::vector<Model>& aligned, const StageFolder& folder) {
  AssembleProblem problem;
  problem.sources = aligned;
  problem.anchor = anchor_index(*builder.experiment);
  for (const auto& [kind, method] : fusion_choices(builder.experiment->fusion, assembly.plan))
    problem.fusion.emplace(kind, builder.registry.create<Fusion>(*method));
  problem.plan = assembly.plan;
  problem.router = builder.registry.canonical("router", builder.experiment->router.method);
  if (assembly.base) {
    const Model base = assembly.base->load(folder);
    problem.base = builder.registry.create<Alignment>(builder.experiment->alignment.method)->unties() ? untied(base) : base;
    problem.base_mask = assembly.base->held_rows_V;
  }
  problem.seed = builder.seed("assembly");
  for (const ModelHandle& source : assembly.sources)
    if (source.held_rows_V.defined()) problem.row_masks.push_back(source.held_rows_V);
  return assemble(std::move(problem), "assembled");
}

/// Sums x x^T and per-domain sums of what the FFN of one layer reads.
class FfnInputTap final : public Tap {
 public:
  FfnInputTap(const ModelSpec& spec, std::size_t num_domains, std::vector<std::int64_t> domain_of_token)
      : domain_of_token_(std::move(domain_of_token)), hidden_(spec.hidden_size), num_domains_(static_cast<std::int64_t>(num_domains)) {
    clear();
  }

  void clear() {
    const auto options = torch::TensorOptions().dtype(torch::kFloat64);
    moments_ = {torch::zeros({hidden_, hidden_}, options), torch::zeros({num_domains_, hidden_}, options), torch::zeros({num_domains_}, options)};
  }

  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_in; }

  void record(Site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor& token_rows) override {
    const torch::Tensor values_TD = values.to(torch::kFloat64);
    moments_.gram_DD += values_TD.t().mm(values_TD);
    const torch::Tensor rows = token_rows.defined() ? token_rows.to(torch::kInt64).contiguous() : torch::arange(values.size(0), torch::kInt64);
    torch::Tensor domains = torch::empty_like(rows);
    for (std::int64_t row = 0; row < rows.size(0); ++row)
      domains.data_ptr<std::int64_t>()[row] = domain_of_token_.at(static_cast<std::size_t>(rows.data_ptr<std::int64_t>()[row]));
    moments_.sums_MD.index_add_(0, domains, values_TD);
    moments_.counts_M.index_add_(0, domains, torch::ones({values_TD.size(0)}, torch::kFloat64));
  }

  const FfnInputMoments& moments() const { return moments_; }

 private:
  FfnInputMoments moments_;
  std::vector<std::int64_t> domain_of_token_;
  std::int64_t hidden_, num_domains_;
};

/// For each expert the calibration domain of its source, or -1.
std::vector<std::int64_t> expert_domains(const StageBuilder& builder, const Assembly& assembly) {
  const auto domains = calibration_domains(builder);
  const auto names = builder.experiment->merged_sources();
  std::vector<std::int64_t> result;
  for (const ExpertSlot& slot : assembly.plan.slots) {
    const std::string domain = source_domain(*builder.experiment, names.at(slot.source));
    const auto found = std::find(domains.begin(), domains.end(), domain);
    result.push_back(found == domains.end() ? -1 : found - domains.begin());
  }
  return result;
}

std::vector<TensorMap> initialise_router(const StageBuilder& builder, const Assembly& assembly, const Model& bare, StageScope& scope) {
  const auto method = builder.registry.create<RouterInit>(builder.experiment->router.init);
  const auto router = builder.router_for(bare.spec);
  const auto parameters = router->parameters(bare.spec);
  const auto domains = expert_domains(builder, assembly);
  Context context = plugin_context(scope, builder.seed("router init"));
  const auto initialise = [&](std::int64_t layer, const FfnInputMoments& moments) {
    const RouterInitProblem problem{bare.spec, layer, parameters, moments, domains};
    Context of_layer = context;
    of_layer.seed = builder.seed(fmt::format("router init layer {}", layer));
    return method->initialise(problem, of_layer);
  };
  std::vector<TensorMap> layers;
  if (!method->needs_statistics()) {
    for (std::int64_t layer = 0; layer < bare.spec.num_layers; ++layer) layers.push_back(initialise(layer, {}));
    return layers;
  }
  const CalibrationWindows calibration = load_calibration(builder, assembly.texts, scope.input);
  std::vector<std::int64_t> domain_of_token;
  for (const std::int64_t domain : calibration.domains_N) domain_of_token.insert(domain_of_token.end(), static_cast<std::size_t>(calibration.tokens_NT.size(1)), domain);
  FfnInputTap tap(bare.spec, calibration_domains(builder).size(), std::move(domain_of_token));
  LayerStreamed stream(bare, calibration.tokens_NT, router);
  run_all(stream, &tap, [&](std::int64_t layer) {
    layers.push_back(initialise(layer, tap.moments()));
    tap.clear();
    return layers.back();
  });
  return layers;
}

/// One file for all layers, under the canonical names.
void store_router(const std::vector<TensorMap>& layers, const std::filesystem::path& path) {
  TensorMap all;
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    for (const auto& [name, tensor] : layers[layer]) all.emplace(router_parameter_name(static_cast<std::int64_t>(layer), name), tensor);
  SafetensorsSink sink(path);
  copy_tensors(MemorySource(std::move(all), "router"), sink);
}

std::vector<TensorMap> load_router(const ModelSpec& spec, const std::filesystem::path& path) {
  const SafetensorsSource source(path);
  std::vector<TensorMap> layers(static_cast<std::size_t>(spec.num_layers));
  for (const TensorInfo& info : source.infos())
    for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
      const std::string prefix = router_parameter_name(layer, "");
      if (info.name.starts_with(prefix)) layers[static_cast<std::size_t>(layer)].emplace(info.name.substr(prefix.size()), source.get(info.name));
    }
  return layers;
}

EditSetting edit_setting(const StageBuilder& builder, const Assembly& assembly, const std::vector<Model>& aligned, const StageFolder& folder) {
  EditSetting setting{aligned, {}, [&builder, &assembly, &folder] { return load_calibration(builder, assembly.texts, folder).tokens_NT; }};
  for (const ExpertSlot& slot : assembly.plan.slots) setting.expert_sources.push_back(slot.source);
  return setting;
}

/// max |change of logits| / max |logit| of an MoE when the FFN part of its sources' alignment is left out (methods-alignment 9, I7): nothing beyond
/// rounding, unless some component averages FFNs.
void record_ffn_no_op(const StageBuilder& builder, const Assembly& assembly, const Model& model, const std::vector<TensorMap>& router, StageScope& scope) {
  const auto is_ffn = [](const std::string& group) { return group.ends_with(".ffn"); };
  const auto sets = load_transforms(scope.input(*assembly.alignment));
  const auto has_ffn = [&](const TransformSet& set) { return std::any_of(set.begin(), set.end(), [&](const auto& entry) { return is_ffn(entry.first); }); };
  if (std::none_of(sets.begin(), sets.end(), has_ffn)) return;
  const auto without = load_aligned(assembly.sources, assembly.alignment, scope.input, is_ffn);
  const Model other = with_router_parameters(assemble_bare(builder, assembly, without, scope.input), router);
  const torch::Tensor tokens_NT = checked_windows(load_calibration(builder, assembly.texts, scope.input).tokens_NT);
  const StreamOptions options = options_for_logits(model.spec);
  LayerStreamed with_ffn(model, tokens_NT, builder.router_for(model.spec), options), without_ffn(other, tokens_NT, builder.router_for(model.spec), options);
  run_all(with_ffn, nullptr);
  run_all(without_ffn, nullptr);
  LogitChange change;
  for (std::int64_t chunk = 0; chunk < with_ffn.num_chunks(); ++chunk) change.add(without_ffn.logits(chunk), with_ffn.logits(chunk));
  scope.record.scalar({"invariance/ffn_no_op", "1", "max |change of logits| / max |logit| when the FFN part of the alignment is left out (I7)"}, change.value());
}

/// An approximate alignment is meant for tensors that become one: an expert that is another source's own FFN would not be that source's any more.
void check_alignment_fits(const StageBuilder& builder, const ExpertPlan& plan) {
  const Experiment& experiment = *builder.experiment;
  const std::size_t anchor = anchor_index(experiment);
  const auto other = std::find_if(plan.slots.begin(), plan.slots.end(), [anchor](const ExpertSlot& slot) { return slot.source != anchor; });
  if (other == plan.slots.end() || !builder.registry.create<Alignment>(experiment.alignment.method)->approximate()) return;
  fail<ConfigError>("experts", "experts.{} keeps the FFN of source {} as an expert, and alignment.{} is approximate: it would change what that expert computes; "
                    "expected 'experts: dense', which averages the FFNs, or an exact alignment", experiment.experts.method.name,
                    quoted(experiment.merged_sources().at(other->source)), experiment.alignment.method.name);
}

Value fusion_identity(const StageBuilder& builder, const ExpertPlan& plan) {
  Value identity = ValueMap{};
  for (const auto& [kind, method] : fusion_choices(builder.experiment->fusion, plan))
    identity.set(kind_name(kind), builder.method_identity("fusion", *method));
  return identity;
}

Value assembly_identity(const StageBuilder& builder, const ExpertPlan& plan) {
  const Experiment& experiment = *builder.experiment;
  Value parameters = ValueMap{};
  parameters.set("anchor", static_cast<std::int64_t>(anchor_index(experiment)));
  parameters.set("experts", builder.method_identity("experts", experiment.experts.method));
  parameters.set("fusion", fusion_identity(builder, plan));
  parameters.set("sources", source_names_identity(experiment));
  ValueList edits;
  for (const Method& edit : experiment.edits) edits.push_back(builder.method_identity("edit", edit));
  parameters.set("edits", std::move(edits));
  parameters.set("seed", std::to_string(builder.seed("assembly")));
  if (plan.slots.empty() && !experiment.edits.empty()) parameters.set("calibration", calibration_identity(builder));
  if (plan.slots.empty()) return parameters;
  parameters.set("router", builder.method_identity("router", experiment.router.method));
  parameters.set("router_init", builder.method_identity("router_init", experiment.router.init));
  parameters.set("calibration", calibration_identity(builder));
  return parameters;
}

}  // namespace

ExpertPlan make_plan(const StageBuilder& builder, const ModelSpec& spec) {
  const auto names = builder.experiment->merged_sources();
  const ExpertsProblem problem{spec, names, anchor_index(*builder.experiment)};
  const auto method = builder.registry.create<Experts>(builder.experiment->experts.method);
  Context context;
  context.seed = builder.seed("experts");
  SilentRecorder silent;
  context.recorder = &silent;
  const ExpertPlan plan = method->plan(problem, context);
  check_plan(plan, problem, "experts." + builder.experiment->experts.method.name);
  return plan;
}

ModelHandle make_assembly(const StageBuilder& builder, const ModelSpec& spec, const std::vector<ModelHandle>& sources,
                          const std::optional<ModelHandle>& base, const StagePtr& alignment, const std::vector<StagePtr>& texts) {
  const Assembly assembly{sources, base, alignment, texts, make_plan(builder, spec)};
  check_alignment_fits(builder, assembly.plan);
  std::vector<StagePtr> inputs{alignment};
  for (const ModelHandle& source : sources) inputs.push_back(source.stage);
  if (base) inputs.push_back(base->stage);
  inputs.insert(inputs.end(), texts.begin(), texts.end());

  const auto run = [builder, assembly](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    const auto aligned = load_aligned(assembly.sources, assembly.alignment, scope.input);
    Model model = assemble_bare(builder, assembly, aligned, scope.input);
    record_fusion(model, aligned, scope);
    if (model.spec.moe) {
      const auto layers = initialise_router(builder, assembly, model, scope);
      store_router(layers, scope.directory / kRouterFile);
      model = with_router_parameters(model, layers);
      record_ffn_no_op(builder, assembly, model, layers, scope);
    }
    // Edits run once here, so that what they learn is stored, what they record is in the record and what they refuse is refused now.
    fit_edits(builder, model, edit_setting(builder, assembly, aligned, scope.input), scope);
  };
  ModelHandle handle;
  handle.spec = spec;
  handle.tokenizer = sources.front().tokenizer;
  const ModelHandle& anchor = sources[anchor_index(*builder.experiment)];
  handle.token_ids = anchor.token_ids;
  handle.tokenizer_config = anchor.tokenizer_config;
  handle.fused = true;
  if (!assembly.plan.slots.empty()) {
    const Method router = builder.registry.canonical("router", builder.experiment->router.method);
    handle.spec.moe = MoeSpec{static_cast<std::int64_t>(assembly.plan.slots.size()), spec.ffn_size, router, assembly.plan.output_scale};
    builder.router_for(handle.spec)->parameters(handle.spec);  // refuses what it cannot be in this model, while the plan is made
  }
  const StagePtr stage = make_stage("assembly", kRevision, "assembly", assembly_identity(builder, assembly.plan), std::move(inputs), builder.environment, run,
                                    assembly_cost(handle.spec, sources.size(), builder.experiment->calibration.tokens));
  handle.stage = stage;
  handle.label = "the assembled model";
  const auto names = builder.experiment->merged_sources();
  for (const ExpertSlot& slot : assembly.plan.slots) {
    handle.expert_sources.push_back(names.at(slot.source));
    handle.expert_domains.push_back(source_domain(*builder.experiment, names.at(slot.source)));
  }
  handle.load = [builder, assembly, stage](const StageFolder& folder) {
    const auto aligned = load_aligned(assembly.sources, assembly.alignment, folder);
    Model model = assemble_bare(builder, assembly, aligned, folder);
    if (model.spec.moe) model = with_router_parameters(model, load_router(model.spec, folder(*stage) / kRouterFile));
    return apply_edits(builder, std::move(model), edit_setting(builder, assembly, aligned, folder), folder(*stage));
  };
  return handle;
}

}  // namespace symphony
