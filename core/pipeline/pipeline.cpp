// The stage graph of one run.
#include "core/pipeline/pipeline.hpp"

#include "core/log/layout.hpp"
#include "core/pipeline/activation_stage.hpp"
#include "core/pipeline/alignment_stage.hpp"
#include "core/pipeline/assembly_stage.hpp"
#include "core/pipeline/builder.hpp"
#include "core/pipeline/calibration.hpp"
#include "core/pipeline/evaluation_stage.hpp"
#include "core/pipeline/export_stage.hpp"
#include "core/pipeline/phase_stage.hpp"
#include "core/pipeline/source_compatibility.hpp"
#include "core/pipeline/source_stage.hpp"
#include "core/pipeline/united_vocabulary.hpp"
#include "core/plugin/eval.hpp"

namespace symphony {

namespace {

constexpr const char* kFirstPoint = "step_0";

class PipelineMaker {
 public:
  PipelineMaker(std::shared_ptr<const Experiment> experiment, const PluginRegistry& registry, TextCatalogue& texts)
      : builder_{std::move(experiment), registry, {}}, texts_(texts) {
    builder_.environment.threads = builder_.experiment->threads;
  }

  RunPipeline make() {
    make_sources();
    const ModelHandle assembled = assemble();
    evaluate_model(assembled, kFirstPoint);
    ModelHandle current = assembled;
    for (const PhaseSettings& phase : what().training.phases) {
      const auto next = make_phase(builder_, current, phase, texts(what().training.domains));
      if (!next) {
        result_.skipped_phases.push_back(phase.name);
        continue;
      }
      current = *next;
      add_record(current.stage, "training/" + phase.name);
      evaluate_model(current, phase.name);
    }
    if (what().exported) {
      result_.exported = make_export(builder_, current, *what().exported);
      targets_.push_back(result_.exported);
    }
    result_.stages = topological(targets_);
    return std::move(result_);
  }

 private:
  const Experiment& what() const { return *builder_.experiment; }

  /// As the merged model reads it.
  std::vector<StagePtr> texts(const std::vector<std::string>& names) {
    std::vector<StagePtr> stages;
    for (const std::string& domain : builder_.resolve_domains(names)) stages.push_back(texts_.stage(what(), domain, merged_.sources.front().tokenizer));
    return stages;
  }

  std::vector<StagePtr> all_texts(const ModelHandle& model) {
    std::vector<StagePtr> stages;
    for (const auto& [name, recipe] : what().domains) stages.push_back(texts_.stage(what(), name, model.tokenizer));
    return stages;
  }

  void add_record(const StagePtr& stage, const std::string& group) {
    targets_.push_back(stage);
    result_.records.push_back({stage, group});
  }

  static void expect_dense(const std::string& name, const ModelHandle& source) {
    if (source.spec.moe)
      fail<DataError>("sources.models." + name, "the checkpoint is a Mixture-of-Experts of {} experts, expected a dense model; 'runner generate' reads it as it is",
                      source.spec.moe->num_experts);
  }

  void make_sources() {
    for (const std::string& name : what().merged_sources()) {
      sources_.push_back(make_source(builder_, name, texts_));
      expect_dense(name, sources_.back());
      add_record(sources_.back().stage, "sources/" + name);
    }
    std::optional<ModelHandle> base;
    if (what().sources.base) {
      base = make_source(builder_, *what().sources.base, texts_);
      expect_dense(*what().sources.base, *base);
    }
    merged_ = unite_sources(sources_, anchor_index(what()), base, texts_.vocabularies());
    check_compatible(source_differences(what(), merged_.sources, merged_.base), what().sources.anchor);
    evaluate_rivals();
  }

  ModelHandle assemble() {
    const auto calibration = texts(what().calibration.domains);
    parts_ = {merged_.sources, make_alignment(builder_, merged_.sources, calibration)};
    add_record(parts_.alignment, layout::kAlignment);
    const ModelSpec spec = aligned_spec(builder_, merged_.sources[anchor_index(what())].spec);
    const ModelHandle assembled = make_assembly(builder_, spec, merged_.sources, merged_.base, parts_.alignment, calibration);
    add_record(assembled.stage, "assembly");
    return assembled;
  }

  void add_rows(const StagePtr& stage, const std::string& subject, const std::string& point, const Method& suite) {
    const std::string label = builder_.registry.create<Eval>(suite)->label(), group = (subject == "model" ? "evaluation/" + point : "rivals/" + subject) + "/" + suite.name;
    add_record(stage, label.empty() ? group : group + "/" + label);
    result_.rows.push_back({stage, subject, point, suite.name});
  }

  void evaluate_model(const ModelHandle& model, const std::string& point) {
    result_.points.push_back(point);
    const bool has_experts = !model.expert_sources.empty();
    for (const Method& suite : what().eval) {
      const auto plugin = builder_.registry.create<Eval>(suite);
      if (plugin->about_sources() ? point != kFirstPoint : plugin->needs_experts() && !has_experts) continue;
      const ModelHandle& subject = plugin->about_sources() ? merged_.sources[anchor_index(what())] : model;
      const MergeParts* parts = plugin->about_sources() || plugin->needs_sources() ? &parts_ : nullptr;
      add_rows(make_evaluation(builder_, subject, suite, all_texts(subject), parts), "model", point, suite);
    }
    if (what().logging.activations.sites.empty()) return;
    add_record(make_activations(builder_, model, all_texts(model)), "evaluation/" + point + "/activations");
  }

  /// Suites that say something of a model that was not merged.
  bool suits_rivals(const Method& suite) const {
    const auto plugin = builder_.registry.create<Eval>(suite);
    return !plugin->needs_experts() && !plugin->needs_sources() && !plugin->about_sources();
  }

  /// Every source on its own, and what the experiment asks for beside them.
  void evaluate_rivals() {
    for (const Method& suite : what().eval) {
      if (!suits_rivals(suite)) continue;
      std::vector<StagePtr> evaluations;
      for (std::size_t index = 0; index < sources_.size(); ++index) {
        evaluations.push_back(make_evaluation(builder_, sources_[index], suite, all_texts(sources_[index])));
        add_rows(evaluations.back(), "source_" + sources_[index].label, "given", suite);
      }
      for (const std::string& rival : what().rivals) {
        if (rival == "oracle_source") {
          add_rows(make_oracle(builder_, sources_, evaluations), rival, "given", suite);
          continue;
        }
        const EnsembleWeights weights = rival == "posterior_ensemble" ? EnsembleWeights::posterior : EnsembleWeights::uniform;
        add_rows(make_ensemble_evaluation(builder_, merged_.sources, weights, suite, all_texts(merged_.sources.front())), rival, "given", suite);
      }
    }
  }

  StageBuilder builder_;
  TextCatalogue& texts_;
  std::vector<ModelHandle> sources_;  ///< as they are
  MergedHandles merged_;              ///< as they are merged: through one vocabulary
  MergeParts parts_;
  std::vector<StagePtr> targets_;
  RunPipeline result_;
};

}  // namespace

RunPipeline build_pipeline(std::shared_ptr<const Experiment> experiment, const PluginRegistry& registry) {
  TextCatalogue texts;
  return build_pipeline(std::move(experiment), registry, texts);
}

RunPipeline build_pipeline(std::shared_ptr<const Experiment> experiment, const PluginRegistry& registry, TextCatalogue& texts) {
  return PipelineMaker(std::move(experiment), registry, texts).make();
}

}  // namespace symphony
