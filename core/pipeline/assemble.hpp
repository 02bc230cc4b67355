// The merge: carries out an expert plan and a map from tensor kind to fusion method, as a view. Nothing is computed until a tensor is read, and
// reading one costs the memory of that tensor in each source, whatever the size of the models.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model_spec.hpp"
#include "core/plugin/experts.hpp"
#include "core/plugin/fusion.hpp"

namespace symphony {

struct AssembleProblem {
  std::vector<Model> sources;        ///< dense, aligned, in configured order; named as the experiment names them
  std::size_t anchor = 0;
  /// A method for every kind of tensor that is fused: all but ffn under a plan with slots, none under a plan with a backbone.
  std::map<TensorKind, std::shared_ptr<const Fusion>> fusion;
  ExpertPlan plan;
  Method router;                     ///< canonical; stored in the spec; not read when the plan has no slots
  std::optional<Model> base;         ///< the common ancestor, for methods that need one
  std::vector<torch::Tensor> row_masks;  ///< empty, or one bool tensor [V] a source: the rows of embedding and head that it holds
  torch::Tensor base_mask;           ///< the same of the base; undefined: all
  std::uint64_t seed = 0;            ///< of the plan's noise and redrawn units, from streams named after each tensor
};

/// The merged model without its router's parameters. Fused tensors are float32; a bias is fused like its weight, because both are of one kind;
/// expert and backbone tensors keep their stored dtype, but for noise and redrawn units, which make experts float32. Throws ConfigError for a fusion
/// map, weights or a base that do not fit, DataError when the sources do not share an architecture or lack a tensor, both here and not on reading.
Model assemble(AssembleProblem problem, std::string name);

/// The same model with one router's parameters a layer, by their own names ("weight"); maps are empty for routers without any. Parameters that the
/// model already has are replaced. Throws DataError when the model is dense or the number of maps is not its number of layers.
Model with_router_parameters(const Model& model, const std::vector<TensorMap>& parameters_of_layers);

}  // namespace symphony
