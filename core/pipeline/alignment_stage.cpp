// Statistics on calibration tokens, the plugin's answer, and the invariance check that follows every alignment.
#include "core/pipeline/alignment_stage.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/model/invariance.hpp"
#include "core/model/symmetry.hpp"
#include "core/pipeline/alignment_statistics.hpp"
#include "core/pipeline/calibration.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/plugin/alignment.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;
constexpr const char* kTransformFile = "transforms.json";
/// Tokens of the invariance check: what reference I1 asks for, 8 windows.
constexpr std::int64_t kCheckedWindows = 8;

void store_transforms(const std::vector<TransformSet>& sets, const std::filesystem::path& folder) {
  ValueList list;
  for (const TransformSet& set : sets) {
    Value entry = ValueMap{};
    for (const auto& [group, transform] : set) entry.set(group, transform.to_value());
    list.push_back(std::move(entry));
  }
  atomic_write(folder / kTransformFile, to_json(Value(std::move(list))));
}

/// Windows spread over the calibration tokens, so that every domain takes part.
torch::Tensor checked_windows(const torch::Tensor& tokens_NT) {
  const std::int64_t count = std::min(kCheckedWindows, tokens_NT.size(0));
  return tokens_NT.index_select(0, torch::arange(count, torch::kInt64) * (tokens_NT.size(0) / count)).contiguous();
}

/// Every transformed source against the original; the log gets the numbers, and a source that changed stops the run.
void check_sources(const std::vector<Model>& sources, const std::vector<TransformSet>& sets, const torch::Tensor& tokens_NT, double tolerance,
                   bool approximate, Recorder& recorder) {
  const double accepted = approximate ? std::numeric_limits<double>::infinity() : tolerance;
  std::vector<float> logit_change, residual_change;
  RecordAxis source_axis{"source", sources.size(), {}, {}};
  const std::int64_t num_layers = sources.front().spec.num_layers;
  for (std::size_t index = 0; index < sources.size(); ++index) {
    const InvarianceReport report = check_invariance(sources[index], apply_transforms(sources[index], sets[index]), tokens_NT, accepted, sets[index]);
    source_axis.labels.push_back(sources[index].name);
    logit_change.push_back(static_cast<float>(report.logit_change));
    for (const double change : report.residual_change) residual_change.push_back(static_cast<float>(change));
  }
  const RecordAxis layer_axis{"layer", static_cast<std::size_t>(num_layers), {}, {}};
  recorder.array({"invariance/logit_change", "1", "max |change of logits| / max |logit| of each source after alignment (I1)"}, std::array{source_axis}, logit_change);
  recorder.array({"invariance/residual_change", "1", "relative Frobenius change of the residual stream after transport back (I2)"},
                 std::array{source_axis, layer_axis}, residual_change);
}

}  // namespace

std::size_t anchor_index(const Experiment& experiment) {
  const auto names = experiment.merged_sources();
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), experiment.sources.anchor) - names.begin());
}

StagePtr make_alignment(const StageBuilder& builder, const std::vector<ModelHandle>& sources, const std::vector<StagePtr>& texts) {
  const Experiment& experiment = *builder.experiment;
  Value parameters = ValueMap{};
  parameters.set("method", builder.method_identity("alignment", experiment.alignment.method));
  parameters.set("tolerance", experiment.alignment.tolerance);
  parameters.set("anchor", static_cast<std::int64_t>(anchor_index(experiment)));
  parameters.set("calibration", calibration_identity(builder));
  parameters.set("seed", std::to_string(builder.seed("alignment")));
  std::vector<StagePtr> inputs;
  for (const ModelHandle& source : sources) inputs.push_back(source.stage);
  inputs.insert(inputs.end(), texts.begin(), texts.end());

  const auto run = [builder, sources, texts](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    const Experiment& what = *builder.experiment;
    const auto method = builder.registry.create<Alignment>(what.alignment.method);
    std::vector<Model> models;
    for (const ModelHandle& source : sources) models.push_back(source.load(scope.input));
    const CalibrationWindows calibration = load_calibration(builder, texts, scope.input);
    const auto groups = symmetry_groups(models.front().spec);
    const std::size_t anchor = anchor_index(what);
    const StreamedStatistics statistics(models, anchor, method->needs(models.front().spec), calibration.tokens_NT);
    const AlignmentProblem problem{models, anchor, groups, statistics};
    const auto sets = method->align(problem, plugin_context(scope, builder.seed("alignment")));
    if (sets.size() != models.size())
      fail<PluginError>("alignment." + what.alignment.method.name, "returned {} transform sets for {} sources", sets.size(), models.size());
    for (const TransformSet& set : sets) check_transforms(groups, set, "alignment." + what.alignment.method.name);
    check_sources(models, sets, checked_windows(calibration.tokens_NT), what.alignment.tolerance, method->approximate(), scope.record);
    store_transforms(sets, scope.directory);
  };
  return make_stage("alignment", kRevision, fmt::format("alignment {}", experiment.alignment.method.name), std::move(parameters),
                    std::move(inputs), builder.environment, run,
                    alignment_cost(sources.front().spec, sources.size(), experiment.calibration.tokens, experiment.calibration.length));
}

std::vector<TransformSet> load_transforms(const std::filesystem::path& folder) {
  const std::string where = (folder / kTransformFile).string();
  const Value list = parse_json(read_text(folder / kTransformFile), where);
  std::vector<TransformSet> sets;
  for (const Value& entry : list.as_list()) {
    TransformSet set;
    for (const auto& [group, transform] : entry.as_map()) set.emplace(group, Transform::from_value(transform, where));
    sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<Model> load_aligned(const std::vector<ModelHandle>& sources, const StagePtr& alignment, const StageFolder& folder) {
  const auto sets = load_transforms(folder(*alignment));
  std::vector<Model> models;
  for (std::size_t index = 0; index < sources.size(); ++index) models.push_back(apply_transforms(sources[index].load(folder), sets.at(index)));
  return models;
}

}  // namespace symphony
