// The fused view: where each tensor of the merged model comes from, and the checks that it will be there.
#include "core/pipeline/assemble.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "core/pipeline/row_reader.hpp"
#include "core/tensor/overlay_source.hpp"

namespace symphony {

namespace {

constexpr const char* kWho = "assemble";

std::vector<std::string> names_of(const std::vector<Model>& sources) {
  std::vector<std::string> names;
  for (const Model& source : sources) names.push_back(source.name);
  return names;
}

/// The tensor of a dense source that fills a tensor of the merged model: an expert's is the source's FFN.
std::string source_tensor(const SpecTensor& tensor) {
  if (tensor.expert < 0) return tensor.name;
  const std::string expert_prefix = fmt::format("{}mlp.experts.{}.", layer_prefix(tensor.layer), tensor.expert);
  return layer_prefix(tensor.layer) + "mlp." + tensor.name.substr(expert_prefix.size());
}

bool has_rows_of_tokens(TensorKind kind) { return kind == TensorKind::embedding || kind == TensorKind::lm_head; }

void check_same_architecture(const Model& model, const Model& anchor, std::string_view role) {
  for (const SpecDifference& difference : compare_specs(anchor.spec, model.spec))
    if (difference.fatal)
      fail<DataError>(kWho, "{} {} differs from the anchor {} in {}: {}, expected {}; only models of one architecture are merged", role,
                      quoted(model.name), quoted(anchor.name), difference.field, difference.right, difference.left);
}

void check_tensor(const Model& model, const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorInfo& info = model.tensors->info(name);
  if (info.shape != shape)
    fail<DataError>(kWho, "source {}: tensor {} has shape {}, expected {}", quoted(model.name), quoted(name), shape_text(info.shape),
                    shape_text(shape));
}

class FusedView final : public TensorSource {
 public:
  FusedView(AssembleProblem problem, const ModelSpec& spec) : problem_(std::move(problem)), source_names_(names_of(problem_.sources)) {
    for (SpecTensor& tensor : spec_tensors(spec)) tensors_.emplace(tensor.name, tensor);
    for (const auto& [name, tensor] : tensors_) infos_.push_back({name, check_and_find_dtype(tensor), tensor.shape});
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return "merge of " + join(source_names_, ", "); }

  torch::Tensor get(std::string_view name) const override {
    info(name);  // throws with the nearest name
    const SpecTensor& tensor = tensors_.find(name)->second;
    const std::optional<std::size_t> owner = owner_of(tensor);
    if (!owner) return fused(tensor);
    const torch::Tensor given = problem_.sources[*owner].tensors->get(source_tensor(tensor));
    const torch::Tensor drawn = is_redrawn(tensor) ? with_units_redrawn(given, tensor) : given;
    return is_noisy(tensor) ? with_noise(drawn, tensor.name) : drawn;
  }

 private:
  /// The one source that a tensor is taken from; none when it is fused.
  std::optional<std::size_t> owner_of(const SpecTensor& tensor) const {
    return tensor.expert >= 0 ? std::optional(problem_.plan.slots[static_cast<std::size_t>(tensor.expert)].source) : problem_.plan.backbone_from;
  }

  bool is_noisy(const SpecTensor& tensor) const { return tensor.expert > 0 && problem_.plan.noise > 0.0; }
  bool is_redrawn(const SpecTensor& tensor) const { return tensor.expert >= 0 && problem_.plan.reinitialised > 0.0; }

  const Fusion& method_for(const SpecTensor& tensor) const {
    const auto found = problem_.fusion.find(tensor.kind);
    if (found == problem_.fusion.end() || !found->second)
      fail<ConfigError>("fusion", "no method for tensors of kind '{}', which the experts' plan leaves to be fused ({} is one); expected 'fusion.{}'",
                        kind_name(tensor.kind), quoted(tensor.name), kind_name(tensor.kind));
    return *found->second;
  }

  torch::ScalarType check_and_find_dtype(const SpecTensor& tensor) const {
    if (const auto owner = owner_of(tensor)) {
      check_tensor(problem_.sources[*owner], source_tensor(tensor), tensor.shape);
      return is_noisy(tensor) || is_redrawn(tensor) ? torch::kFloat32 : problem_.sources[*owner].tensors->info(source_tensor(tensor)).dtype;
    }
    const Fusion& method = method_for(tensor);
    method.check(problem_.sources.size(), source_names_);
    for (const Model& source : problem_.sources) check_tensor(source, tensor.name, tensor.shape);
    if (!method.needs().base) return torch::kFloat32;
    if (!problem_.base)
      fail<ConfigError>("fusion", "the method for tensors of kind '{}' needs the sources' common ancestor, and there is none; "
                                  "expected 'sources.base'", kind_name(tensor.kind));
    check_tensor(*problem_.base, tensor.name, tensor.shape);
    return torch::kFloat32;
  }

  torch::Tensor fused(const SpecTensor& tensor) const {
    const Fusion& method = method_for(tensor);
    const FusionNeeds needs = method.needs();
    RowReader reader(problem_.sources[problem_.anchor].spec);
    const auto read = [&](const Model& model) -> TensorRows {
      return needs.stored_types ? reader.read(model, tensor.name) : model.tensors->get(tensor.name).to(torch::kFloat32);
    };
    std::vector<TensorRows> tensors;
    for (const Model& source : problem_.sources) tensors.push_back(read(source));
    const std::vector<torch::Tensor> row_masks = has_rows_of_tokens(tensor.kind) ? problem_.row_masks : std::vector<torch::Tensor>{};
    const std::optional<TensorRows> base = needs.base ? std::optional(read(*problem_.base)) : std::nullopt;
    const torch::Tensor base_mask = has_rows_of_tokens(tensor.kind) ? problem_.base_mask : torch::Tensor{};
    const torch::Tensor result = method.fuse({tensor, tensors, row_masks, base, base_mask, problem_.anchor, source_names_});
    if (result.sizes().vec() != tensor.shape || result.scalar_type() != torch::kFloat32)
      fail<PluginError>("fusion", "tensor {}: the method for kind '{}' returned {} {}, expected Float {}", quoted(tensor.name),
                        kind_name(tensor.kind), torch::toString(result.scalar_type()), shape_text(result.sizes()), shape_text(tensor.shape));
    return result.contiguous();
  }

  torch::Tensor with_noise(const torch::Tensor& given, const std::string& name) const {
    const torch::Tensor weights = given.to(torch::kFloat32);
    torch::Tensor noise = torch::empty_like(weights);
    const double std = problem_.plan.noise * weights.to(torch::kFloat64).std(/*unbiased=*/false).item<double>();
    Random(problem_.seed, "experts.noise/" + name).fill_normal({noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel())}, 0.0, std);
    return weights + noise;
  }

  /// The same units in gate, up and down of one expert in one layer; other ones in every other.
  torch::Tensor with_units_redrawn(const torch::Tensor& given, const SpecTensor& tensor) const {
    const std::int64_t axis = tensor.name.ends_with("down_proj.weight") ? 1 : 0, width = given.size(axis);
    auto units = Random(problem_.seed, fmt::format("experts.units/{}/{}", tensor.layer, tensor.expert)).permutation(width);
    units.resize(static_cast<std::size_t>(std::llround(problem_.plan.reinitialised * static_cast<double>(width))));
    if (units.empty()) return given.to(torch::kFloat32);
    const torch::Tensor index = torch::tensor(units, torch::kInt64), weights = given.to(torch::kFloat32);
    torch::Tensor drawn = weights.index_select(axis, index).contiguous();
    const torch::Tensor replaced = drawn.to(torch::kFloat64);
    Random(problem_.seed, "experts.redrawn/" + tensor.name)
        .fill_normal({drawn.data_ptr<float>(), static_cast<std::size_t>(drawn.numel())}, replaced.mean().item<double>(),
                     replaced.std(/*unbiased=*/false).item<double>());
    return weights.index_copy(axis, index, drawn);
  }

  AssembleProblem problem_;
  std::vector<std::string> source_names_;
  std::map<std::string, SpecTensor, std::less<>> tensors_;
  std::vector<TensorInfo> infos_;
};

ModelSpec merged_spec(const AssembleProblem& problem) {
  ModelSpec spec = problem.sources[problem.anchor].spec;
  for (const Model& source : problem.sources) spec.max_positions = std::min(spec.max_positions, source.spec.max_positions);
  if (!problem.plan.slots.empty())
    spec.moe = MoeSpec{static_cast<std::int64_t>(problem.plan.slots.size()), spec.ffn_size, problem.router, problem.plan.output_scale};
  check_spec(spec, "merged model");
  return spec;
}

}  // namespace

Model assemble(AssembleProblem problem, std::string name) {
  SYMPHONY_ASSERT(problem.anchor < problem.sources.size());
  SYMPHONY_ASSERT(problem.row_masks.empty() || problem.row_masks.size() == problem.sources.size());
  const Model& anchor = problem.sources[problem.anchor];
  for (const Model& source : problem.sources) {
    if (source.spec.moe) fail<DataError>(kWho, "source {} is a mixture of experts, expected dense models", quoted(source.name));
    check_same_architecture(source, anchor, "source");
  }
  if (problem.base) check_same_architecture(*problem.base, anchor, "the base");
  check_plan(problem.plan, {anchor.spec, names_of(problem.sources), problem.anchor}, "experts");
  const ModelSpec spec = merged_spec(problem);
  return {spec, std::make_shared<FusedView>(std::move(problem), spec), std::move(name)};
}

Model with_router_parameters(const Model& model, const std::vector<TensorMap>& parameters_of_layers) {
  if (!model.spec.moe) fail<DataError>(kWho, "model {} is dense, it has no routers to be given parameters", quoted(model.name));
  if (static_cast<std::int64_t>(parameters_of_layers.size()) != model.spec.num_layers)
    fail<DataError>(kWho, "model {} has {} layers, there are router parameters for {}", quoted(model.name), model.spec.num_layers,
                    parameters_of_layers.size());
  TensorMap over;
  for (std::size_t layer = 0; layer < parameters_of_layers.size(); ++layer) {
    const std::string prefix = layer_prefix(static_cast<std::int64_t>(layer)) + "mlp.router.";
    for (const auto& [name, tensor] : parameters_of_layers[layer]) over[prefix + name] = tensor;
  }
  return {model.spec, std::make_shared<OverlaySource>(model.tensors, std::move(over)), model.name};
}

}  // namespace symphony
