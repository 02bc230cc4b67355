// Statistics on calibration tokens, the plugin's answer, and the invariance check that follows every alignment.
#include "core/pipeline/alignment_stage.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/model/symmetry.hpp"
#include "core/pipeline/alignment_report.hpp"
#include "core/pipeline/alignment_statistics.hpp"
#include "core/pipeline/calibration.hpp"
#include "core/pipeline/source_compatibility.hpp"
#include "core/pipeline/source_stage.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/pipeline/transform_file.hpp"
#include "core/pipeline/united_vocabulary.hpp"
#include "core/plugin/alignment.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 4;
constexpr const char* kTransformFile = "transforms.safetensors";

}  // namespace

torch::Tensor checked_windows(const torch::Tensor& calibration_NT) {
  const std::int64_t count = std::min(kCheckedWindows, calibration_NT.size(0));
  return calibration_NT.index_select(0, torch::arange(count, torch::kInt64) * (calibration_NT.size(0) / count)).contiguous();
}

std::size_t anchor_index(const Experiment& experiment) {
  const auto names = experiment.merged_sources();
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), experiment.sources.anchor) - names.begin());
}

ModelSpec aligned_spec(const StageBuilder& builder, ModelSpec spec) {
  if (builder.registry.create<Alignment>(builder.experiment->alignment.method)->unties()) spec.tied_head = false;
  return spec;
}

StagePtr make_alignment(const StageBuilder& builder, const std::vector<ModelHandle>& sources, const std::vector<StagePtr>& texts) {
  const Experiment& experiment = *builder.experiment;
  Value parameters = ValueMap{};
  parameters.set("method", builder.method_identity("alignment", experiment.alignment.method));
  parameters.set("tolerance", experiment.alignment.tolerance);
  parameters.set("covariance_dtype", experiment.alignment.covariance_dtype);
  parameters.set("anchor", static_cast<std::int64_t>(anchor_index(experiment)));
  parameters.set("calibration", calibration_identity(builder));
  parameters.set("seed", std::to_string(builder.seed("alignment")));
  parameters.set("sources", source_names_identity(experiment));
  if (const Value vocabulary = vocabulary_identity(sources); !vocabulary.is_null()) parameters.set("vocabulary", vocabulary);
  std::vector<StagePtr> inputs;
  for (const ModelHandle& source : sources) inputs.push_back(source.stage);
  inputs.insert(inputs.end(), texts.begin(), texts.end());

  const auto run = [builder, sources, texts](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    const Experiment& what = *builder.experiment;
    const auto method = builder.registry.create<Alignment>(what.alignment.method);
    const auto differences = difference_lines(source_differences(what, sources, std::nullopt), false);
    if (!differences.empty()) scope.record.note("source_differences", join(differences, "; "));
    std::vector<Model> models;
    for (const ModelHandle& source : sources) models.push_back(method->unties() ? untied(source.load(scope.input)) : source.load(scope.input));
    const CalibrationWindows calibration = load_calibration(builder, texts, scope.input);
    const auto groups = symmetry_groups(models.front().spec);
    const std::size_t anchor = anchor_index(what);
    const torch::ScalarType products = what.alignment.covariance_dtype == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
    const StreamedStatistics statistics(models, anchor, method->needs(models.front().spec), calibration.tokens_NT, products);
    const AlignmentProblem problem{models, anchor, groups, statistics};
    const auto sets = method->align(problem, plugin_context(scope, builder.seed("alignment")));
    if (sets.size() != models.size())
      fail<PluginError>("alignment." + what.alignment.method.name, "returned {} transform sets for {} sources", sets.size(), models.size());
    for (const TransformSet& set : sets) check_transforms(groups, set, "alignment." + what.alignment.method.name, method->approximate());
    const AlignedSources aligned{models, sets, anchor};
    const torch::Tensor checked_NT = checked_windows(calibration.tokens_NT);
    check_and_record_invariance(aligned, checked_NT, {what.alignment.tolerance, method->approximate()}, builder.seed("alignment"), scope.record);
    record_similarity(aligned, checked_NT, scope.record);
    write_transforms(scope.directory / kTransformFile, {method->unties(), sets});
  };
  const ModelSpec& spec = sources.front().spec;
  const auto method = builder.registry.create<Alignment>(experiment.alignment.method);
  const std::int64_t tokens = method->needs(spec).empty() ? 0 : experiment.calibration.tokens;
  StageCost cost = alignment_cost(spec, sources.size(), tokens, kCheckedWindows, experiment.calibration.length);
  const auto matrices = [&](std::int64_t entries) { return sizeof(double) * sources.size() * static_cast<std::uint64_t>(entries); };
  if (method->unties()) {
    cost.kept_bytes += matrices(spec.hidden_size * spec.hidden_size);
    // What is rotated is in float32 or more while it is: before, during and after.
    cost.peak_memory_bytes += 3 * sizeof(float) * static_cast<std::uint64_t>(spec.vocab_size * spec.hidden_size);
  }
  if (method->approximate()) cost.kept_bytes += matrices(spec.num_layers * spec.ffn_size * spec.ffn_size);
  return make_stage("alignment", kRevision, fmt::format("alignment {}", experiment.alignment.method.name), std::move(parameters), std::move(inputs),
                    builder.environment, run, cost);
}

std::vector<TransformSet> load_transforms(const std::filesystem::path& folder) { return read_transforms(folder / kTransformFile).sets; }

std::vector<Model> load_aligned(const std::vector<ModelHandle>& sources, const StagePtr& alignment, const StageFolder& folder,
                                const std::function<bool(const std::string& group)>& left_out) {
  auto [unties, sets] = read_transforms(folder(*alignment) / kTransformFile);
  std::vector<Model> models;
  for (std::size_t index = 0; index < sources.size(); ++index) {
    if (left_out) std::erase_if(sets.at(index), [&](const auto& entry) { return left_out(entry.first); });
    const Model source = sources[index].load(folder);
    models.push_back(apply_transforms(unties ? untied(source) : source, sets.at(index)));
  }
  return models;
}

}  // namespace symphony
