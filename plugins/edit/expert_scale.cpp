// One factor an expert and layer, folded into its down projection, so that what the expert adds to the merged stream is as large as what its FFN
// added in its source:  down_e <- f_e down_e,  f_e = clamp(rms(FFN of the source at this layer) / rms(E_e on the merged stream)), over all
// calibration tokens, whichever expert they are routed to; from the bottom up, each layer's stream with the experts below already scaled. A cut-out
// expert reads a stream that is not its own, and an averaged one is quieter: without a factor, experts of one bank speak at different volumes.
// Source: the rescaling of Zhou et al. 2024, "Non-local model merging", arXiv 2410.12766 (of a merged model's activations a task), carried over to
// experts in methods-alignment 6. Differs from it: a scale a layer and expert without a shift, in the weights, so that no task need be known.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/base/error.hpp"
#include "core/model/decoder_parameters.hpp"
#include "core/model/layer_streamed.hpp"
#include "core/model/scaled_rows.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/edit.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "edit.expert_scale";

struct ExpertScaleParams {
  std::optional<double> factor;
  double largest = 2;
  static void describe(Schema& s) {
    s.field<&ExpertScaleParams::factor>("factor", "the same factor for every expert; null: fitted").range(0.001, 1000);
    s.field<&ExpertScaleParams::largest>("largest", "largest fitted factor; the smallest is its reciprocal").range(1, 100);
  }
};

/// Sum of squares of what a site showed, the first token of every sequence left out.
double energy(const torch::Tensor& values_TD, std::int64_t length) {
  return values_TD.reshape({-1, length, values_TD.size(1)}).narrow(1, 1, length - 1).to(torch::kFloat64).square().sum().item<double>();
}

class EnergyTap final : public Tap {
 public:
  explicit EnergyTap(std::int64_t length) : length_(length) {}
  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_out; }
  void record(Site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override { total += energy(values, length_); }
  double total = 0;

 private:
  std::int64_t length_;
};

/// What every expert of a layer answers to all tokens.
class ExpertsTap final : public Tap {
 public:
  ExpertsTap(const Model& model, std::int64_t layer, std::int64_t length) : totals(static_cast<std::size_t>(model.spec.moe->num_experts), 0.0), length_(length) {
    const auto read = [&](std::int64_t expert, const char* name) {
      return model.tensors->get(fmt::format("{}mlp.experts.{}.{}_proj.weight", layer_prefix(layer), expert, name)).to(torch::kFloat32);
    };
    for (std::int64_t expert = 0; expert < model.spec.moe->num_experts; ++expert)
      experts_.push_back({read(expert, "gate"), read(expert, "up"), read(expert, "down")});
  }
  bool wants(Site site, std::int64_t) const override { return site == Site::ffn_in; }
  void record(Site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    for (std::size_t expert = 0; expert < experts_.size(); ++expert) {
      const FfnParameters& weights = experts_[expert];
      const torch::Tensor hidden_TF = torch::silu(values.mm(weights.gate_FD.t())) * values.mm(weights.up_FD.t());
      totals[expert] += energy(hidden_TF.mm(weights.down_DF.t()), length_);
    }
  }
  std::vector<double> totals;

 private:
  std::vector<FfnParameters> experts_;
  std::int64_t length_;
};

class ExpertScale final : public Edit {
 public:
  explicit ExpertScale(const ExpertScaleParams& params) : params_(params) {}

  bool needs_tokens() const override { return !params_.factor; }

  TensorMap fit(const EditProblem& problem, const Context& context) const override {
    const ModelSpec& spec = problem.model.spec;
    if (!spec.moe) fail<PluginError>(kWho, "model '{}' is dense, it has no experts to scale", problem.model.name);
    const auto changes = std::make_shared<TensorMap>();
    std::vector<float> factors;
    if (params_.factor) fill(spec, *changes, factors);
    else fit_from_tokens(problem, changes, factors);
    const RecordAxis layers{"layer", static_cast<std::size_t>(spec.num_layers), {}, {}}, experts{"expert", static_cast<std::size_t>(spec.moe->num_experts), {}, {}};
    context.recorder->array({"edit/expert_scale/factor", "1", "what an expert's output is multiplied by"}, std::array{layers, experts}, factors);
    return *changes;
  }

  Model edit(const EditProblem& problem, const Context&) const override {
    return with_scaled_rows(problem.model, std::make_shared<TensorMap>(problem.fitted));
  }

 private:
  static std::string scale_name(std::int64_t layer, std::int64_t expert) {
    return fmt::format("{}mlp.experts.{}.down_proj.weight.scale", layer_prefix(layer), expert);
  }

  void fill(const ModelSpec& spec, TensorMap& changes, std::vector<float>& factors) const {
    for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
      for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert) {
        changes[scale_name(layer, expert)] = torch::tensor({*params_.factor}, torch::kFloat64);
        factors.push_back(static_cast<float>(*params_.factor));
      }
  }

  /// On the stream that enters the layer's FFN. The tap's experts are gone when the layer is read again.
  static std::vector<double> experts_energy(LayerStreamed& merged, const Model& model, std::int64_t layer, std::int64_t length) {
    ExpertsTap tap(model, layer, length);
    for (std::int64_t chunk = 0; chunk < merged.num_chunks(); ++chunk) merged.run_attention(chunk, &tap);
    return tap.totals;
  }

  void fit_from_tokens(const EditProblem& problem, const std::shared_ptr<TensorMap>& changes, std::vector<float>& factors) const {
    const std::int64_t length = problem.tokens_NT.size(1);
    std::vector<LayerStreamed> sources;
    for (const Model& source : problem.sources) sources.emplace_back(source, problem.tokens_NT);
    const Model model = with_scaled_rows(problem.model, changes);
    LayerStreamed merged(model, problem.tokens_NT, problem.router);
    for (std::int64_t layer = 0; layer < model.spec.num_layers; ++layer) {
      std::vector<double> wanted;
      for (LayerStreamed& source : sources) {
        source.load_layer(layer);
        EnergyTap tap(length);
        for (std::int64_t chunk = 0; chunk < source.num_chunks(); ++chunk) source.run_layer(chunk, &tap);
        source.release_layer();
        wanted.push_back(tap.total);
      }
      merged.load_layer(layer);
      const std::vector<double> present = experts_energy(merged, model, layer, length);
      for (std::size_t expert = 0; expert < present.size(); ++expert) {
        const double ratio = std::sqrt(wanted.at(problem.expert_sources.at(expert)) / std::max(present[expert], 1e-300));
        const double factor = std::clamp(ratio, 1 / params_.largest, params_.largest);
        (*changes)[scale_name(layer, static_cast<std::int64_t>(expert))] = torch::tensor({factor}, torch::kFloat64);
        factors.push_back(static_cast<float>(factor));
      }
      merged.reload_layer();
      for (std::int64_t chunk = 0; chunk < merged.num_chunks(); ++chunk) merged.run_ffn(chunk, nullptr);
      merged.release_layer();
    }
  }

  ExpertScaleParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Edit, symphony::ExpertScale, symphony::ExpertScaleParams, "expert_scale", /*revision=*/1,
                "scales every expert's output to the size it had in its source", "Zhou et al. 2024, Non-local model merging, arXiv 2410.12766");
