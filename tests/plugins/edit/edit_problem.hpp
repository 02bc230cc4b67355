// What tests of edits share: a bank of two sources in one backbone, and an edit fitted and applied as the assembly does it.
#pragma once

#include "core/model/layer_streamed.hpp"
#include "core/pipeline/assemble.hpp"
#include "core/pipeline/silent_recorder.hpp"
#include "core/plugin/edit.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

namespace symphony::testing {

/// Averages the sources; FFNs stay apart, or are averaged too when `dense`. The router reads nothing (hash), so that the model is whole.
inline Model merged(const std::vector<Model>& sources, bool dense) {
  AssembleProblem problem;
  problem.sources = sources;
  const std::shared_ptr<const Fusion> average = make_plugin<Fusion>("average");
  for (const TensorKind kind : {TensorKind::embedding, TensorKind::attention, TensorKind::norm, TensorKind::lm_head}) problem.fusion[kind] = average;
  if (dense) problem.fusion[TensorKind::ffn] = average;
  else
    for (std::size_t index = 0; index < sources.size(); ++index) problem.plan.slots.push_back({ExpertKind::ffn, index, sources[index].name});
  problem.router = plugin_registry().canonical("router", {"hash", ValueMap{}});
  return assemble(std::move(problem), "merged");
}

struct Edited {
  TensorMap learned;
  Model model;
};

inline Edited edited(const std::string& name, const Value& params, const Model& model, const std::vector<Model>& sources) {
  const torch::NoGradGuard no_grad;
  const auto edit = make_plugin<Edit>(name, params);
  SilentRecorder silent;
  Context context;
  context.recorder = &silent;
  EditProblem problem{model, sources, 0, {}, nullptr, {}, {}};
  if (model.spec.moe) {
    problem.router = plugin_registry().create<Router>(model.spec.moe->router);
    for (std::size_t index = 0; index < sources.size(); ++index) problem.expert_sources.push_back(index);
  }
  if (edit->needs_tokens()) problem.tokens_NT = random_tokens(8, 32, model.spec.vocab_size, 5);
  problem.fitted = edit->fit(problem, context);
  return {problem.fitted, edit->edit(problem, context)};
}

/// What a model shows at one site of one layer on the tokens of the fit: [T, D].
inline torch::Tensor shown(const Model& model, Site site, std::int64_t layer) {
  class Values final : public Tap {
   public:
    Values(Site site, std::int64_t layer) : site_(site), layer_(layer) {}
    bool wants(Site site, std::int64_t layer) const override { return site == site_ && layer == layer_; }
    void record(Site, std::int64_t, std::int64_t, const torch::Tensor& given, const torch::Tensor&) override { values.push_back(given.clone()); }
    std::vector<torch::Tensor> values;

   private:
    Site site_;
    std::int64_t layer_;
  } tap(site, layer);
  LayerStreamed stream(model, random_tokens(8, 32, model.spec.vocab_size, 5), model.spec.moe ? plugin_registry().create<Router>(model.spec.moe->router) : nullptr);
  run_all(stream, &tap);
  return torch::cat(tap.values);
}

}  // namespace symphony::testing
