// Held-out windows, subjects, and suites; the oracle over sources.
#include "core/pipeline/evaluation_stage.hpp"

#include <algorithm>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/log/evaluation_row.hpp"
#include "core/log/layout.hpp"
#include "core/model/predictor.hpp"
#include "core/pipeline/alignment_stage.hpp"
#include "core/pipeline/held_out.hpp"
#include "core/pipeline/source_stage.hpp"
#include "core/pipeline/stage_cost.hpp"
#include "core/pipeline/united_vocabulary.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 3;

std::string better_name(EvalRow::Better better) {
  switch (better) {
    case EvalRow::Better::lower: return "lower";
    case EvalRow::Better::higher: return "higher";
    case EvalRow::Better::neither: break;
  }
  return "neither";
}

std::vector<EvalDomain> load_domains(const Experiment& experiment, const std::vector<StagePtr>& texts, const Tokenizer& tokenizer, const StageFolder& folder) {
  const std::vector<std::int64_t> token_bytes = tokenizer.token_bytes();
  std::vector<EvalDomain> domains;
  for (std::size_t index = 0; index < texts.size(); ++index) {
    const auto& [name, recipe] = experiment.domains[index];
    HeldOut held_out = load_held_out(experiment, index, texts[index], folder, token_bytes);
    domains.push_back({name, recipe.ood, std::move(held_out.windows), held_out.stream});
  }
  return domains;
}

std::vector<EvalSource> load_sources(const StageBuilder& builder, const MergeParts& parts, const StageFolder& folder) {
  const auto aligned = load_aligned(parts.sources, parts.alignment, folder);
  std::vector<EvalSource> sources;
  for (std::size_t index = 0; index < parts.sources.size(); ++index) {
    const std::string& name = parts.sources[index].label;
    sources.push_back({name, source_domain(*builder.experiment, name), parts.sources[index].load(folder), aligned[index]});
  }
  return sources;
}

void record_rows(RecordFile& record, const std::string& suite, int version, const std::vector<EvalRow>& rows) {
  std::vector<EvaluationRow> table;
  for (const EvalRow& row : rows)
    table.push_back({"", "", suite, version, row.task, row.metric, row.value, row.std_error, row.n, row.unit, better_name(row.better),
                     row.filter, row.shots});
  record_evaluation_rows(record, table);
}

/// Says which windows were scored, so that two runs are paired over them only where they are the same.
void note_windows(RecordFile& record, const std::vector<EvalDomain>& domains) {
  Value hashes = ValueMap{};
  for (const EvalDomain& domain : domains) hashes.set(domain.name, window_hash(domain.windows));
  record.note(layout::kWindowHash, to_json(hashes));
}

Value evaluation_identity(const StageBuilder& builder, const Method& suite, const Tokenizer& tokenizer) {
  Value parameters = ValueMap{};
  // Windows once had a byte for every token. Where tokens are bytes nothing changed, and results keep the key that they had.
  if (!tokenizer.spec().merges.empty()) parameters.set("window_bytes", "of their tokens");
  parameters.set("suite", builder.method_identity("eval", suite));
  add_windows(*builder.experiment, parameters);
  parameters.set("seed", std::to_string(builder.seed("evaluation")));
  Value files = ValueMap{};
  for (const std::string& path : builder.registry.create<Eval>(suite)->inputs()) files.set(path, sha256_file(path));
  parameters.set("files", std::move(files));
  return parameters;
}

void evaluate(const StageBuilder& builder, const Method& suite, Subject subject, const std::vector<StagePtr>& texts, StageScope& scope) {
  const torch::NoGradGuard no_grad;
  const auto plugin = builder.registry.create<Eval>(suite);
  for (const std::string& path : plugin->inputs()) subject.files.emplace(path, read_text(path));
  if (!plugin->applies_to(subject)) return record_rows(scope.record, suite.name, plugin->version(), {});
  const auto domains = load_domains(*builder.experiment, texts, *subject.tokenizer, scope.input);
  Context context = plugin_context(scope, builder.seed("evaluation"));
  context.device = builder.device();
  context.dtype = builder.dtype();
  const auto rows = plugin->evaluate(subject, domains, context);
  for (const EvalRow& row : rows)
    if (!std::isfinite(row.value)) fail<NumericError>("eval." + suite.name, "{} of task '{}' is {}, expected a finite number", row.metric, row.task, row.value);
  record_rows(scope.record, suite.name, plugin->version(), rows);
  note_windows(scope.record, domains);
}

bool is_out_of_distribution(const Experiment& experiment, const std::string& domain) {
  for (const auto& [name, recipe] : experiment.domains)
    if (name == domain) return recipe.ood;
  return false;
}

/// Averages that a suite made: task and metric of each.
std::vector<std::pair<std::string, std::string>> averages_of(const std::filesystem::path& record) {
  std::vector<std::pair<std::string, std::string>> averages;
  for (const EvaluationRow& row : read_evaluation_rows(record))
    if (row.task == kInDomain || row.task == kOutOfDistribution) averages.emplace_back(row.task, row.metric);
  return averages;
}

/// Domain by domain the row of the source that does best, chosen on the same windows: a bound on what routing whole models could reach.
std::vector<EvaluationRow> best_by_domain(const std::vector<StagePtr>& evaluations, const StageFolder& folder) {
  std::vector<EvaluationRow> best;
  for (const StagePtr& evaluation : evaluations)
    for (const EvaluationRow& row : read_evaluation_rows(folder(*evaluation) / "record.h5")) {
      const bool is_domain = row.task != kInDomain && row.task != kOutOfDistribution && row.better != "neither";
      if (!is_domain) continue;
      const auto found = std::find_if(best.begin(), best.end(), [&](const EvaluationRow& other) { return other.task == row.task && other.metric == row.metric; });
      if (found == best.end()) best.push_back(row);
      else if (row.better == "lower" ? row.value < found->value : row.value > found->value) *found = row;
    }
  return best;
}

}  // namespace

StagePtr make_evaluation(const StageBuilder& builder, const ModelHandle& model, const Method& suite, const std::vector<StagePtr>& texts,
                         const MergeParts* parts) {
  Value parameters = evaluation_identity(builder, suite, *model.tokenizer);
  parameters.set("experts", ValueList(model.expert_domains.begin(), model.expert_domains.end()));
  std::vector<StagePtr> inputs{model.stage};
  inputs.insert(inputs.end(), texts.begin(), texts.end());
  const MergeParts merge = parts ? *parts : MergeParts{};
  if (merge.alignment) parameters.set("sources", source_names_identity(*builder.experiment));
  for (const ModelHandle& source : merge.sources) inputs.push_back(source.stage);
  if (merge.alignment) inputs.push_back(merge.alignment);
  const auto run = [builder, model, suite, texts, merge](StageScope& scope) {
    const Model loaded = model.load(scope.input);
    const LanguageModel language_model = builder.loaded(loaded);
    Subject subject{language_model, &language_model, model.expert_sources, model.expert_domains};
    subject.tokenizer = model.tokenizer;
    subject.end_tokens = model.token_ids.eos;
    if (merge.alignment) {
      subject.sources = load_sources(builder, merge, scope.input);
      subject.anchor = anchor_index(*builder.experiment);
    }
    evaluate(builder, suite, std::move(subject), texts, scope);
  };
  return make_stage("evaluation", kRevision, fmt::format("{} of {}", suite.name, model.label), std::move(parameters), std::move(inputs),
                    builder.pass_environment(), run, evaluation_cost(model.spec, 1, model.fused, builder.experiment->windows.length));
}

StagePtr make_ensemble_evaluation(const StageBuilder& builder, const std::vector<ModelHandle>& sources, EnsembleWeights weights, const Method& suite,
                                  const std::vector<StagePtr>& texts) {
  std::vector<StagePtr> inputs;
  for (const ModelHandle& source : sources) inputs.push_back(source.stage);
  inputs.insert(inputs.end(), texts.begin(), texts.end());
  const auto run = [builder, sources, weights, suite, texts](StageScope& scope) {
    std::vector<std::shared_ptr<const Predictor>> members;
    for (const ModelHandle& source : sources) members.push_back(std::make_shared<LanguageModel>(builder.loaded(source.load(scope.input))));
    const Ensemble ensemble(std::move(members), weights);
    Subject subject{ensemble};
    subject.tokenizer = sources.front().tokenizer;
    subject.end_tokens = sources[anchor_index(*builder.experiment)].token_ids.eos;
    evaluate(builder, suite, std::move(subject), texts, scope);
  };
  Value parameters = evaluation_identity(builder, suite, *sources.front().tokenizer);
  if (const Value vocabulary = vocabulary_identity(sources); !vocabulary.is_null()) parameters.set("vocabulary", vocabulary);
  const bool by_posterior = weights == EnsembleWeights::posterior;
  if (by_posterior) parameters.set("weights", "posterior");
  return make_stage("ensemble_evaluation", kRevision, fmt::format("{} of the sources' {}ensemble", suite.name, by_posterior ? "posterior " : ""), std::move(parameters),
                    std::move(inputs), builder.pass_environment(), run,
                    evaluation_cost(sources.front().spec, sources.size(), false, builder.experiment->windows.length));
}

StagePtr make_oracle(const StageBuilder& builder, const std::vector<ModelHandle>& sources, const std::vector<StagePtr>& evaluations) {
  const auto run = [builder, sources, evaluations](StageScope& scope) {
    std::vector<EvaluationRow> best = best_by_domain(evaluations, scope.input);
    // Averages over domains as the suites make them.
    const std::vector<EvaluationRow> domains = best;
    for (const auto& [task, metric] : averages_of(scope.input(*evaluations.front()) / "record.h5")) {
      std::vector<Estimate> estimates;
      EvaluationRow average;
      for (const EvaluationRow& row : domains) {
        if (row.metric != metric || is_out_of_distribution(*builder.experiment, row.task) != (task == kOutOfDistribution)) continue;
        estimates.push_back({row.value, row.std_error, row.n});
        average = row;
      }
      if (estimates.empty()) continue;
      const Estimate mean = mean_of_estimates(estimates);
      average.task = task;
      average.value = mean.mean, average.std_error = mean.std_error, average.n = mean.n;
      best.push_back(average);
    }
    record_evaluation_rows(scope.record, best);
  };
  Value parameters = ValueMap{};
  ValueList ood;
  for (const auto& [name, recipe] : builder.experiment->domains)
    if (recipe.ood) ood.push_back(name);
  parameters.set("out_of_distribution", std::move(ood));
  return make_stage("oracle_source", kRevision, "oracle source of each domain", std::move(parameters), evaluations, builder.environment, run, {.light = true});
}

}  // namespace symphony
