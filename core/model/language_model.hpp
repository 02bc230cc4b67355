// A decoder ready to run: a spec, its parameters in memory, and its router. The forward pass is a function over named tensors, not a module
// tree; training and inference share it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model_spec.hpp"
#include "core/model/predictor.hpp"
#include "core/model/router.hpp"
#include "core/model/tap.hpp"

namespace symphony {

struct ForwardOptions {
  bool training = false;
  std::int64_t step = 0;
  std::uint64_t seed = 0;        ///< for routers that draw
  Tap* tap = nullptr;
  /// The type of the pass, where it is not the parameters' own: bfloat16 over float32 parameters that training updates (mixed precision, Micikevicius
  /// et al. 2018, arXiv 1710.03740; without a loss scale, which bfloat16 does not need).
  std::optional<torch::ScalarType> dtype;
};

struct ForwardResult {
  torch::Tensor logits_BTV;      ///< in the dtype of the pass, at least float32
  torch::Tensor balance;         ///< mean over MoE layers of the routers' balance term; undefined without MoE or without such a term
};

struct LossResult {
  torch::Tensor nats;            ///< scalar: mean next-token cross-entropy
  torch::Tensor balance;         ///< as in ForwardResult, unweighted and not part of `nats`
};

class LanguageModel final : public Predictor {
 public:
  /// Loads a copy of every tensor of `model` onto `device`. `router` is required iff the spec has an MoE. Throws DataError on missing, extra
  /// or misshapen tensors. Of a pass in less than float32, routing, norms, softmax and logits are computed in float32, and so the routers'
  /// parameters stay in it. float64 is for checks: it runs the whole pass in float64.
  LanguageModel(const Model& model, std::shared_ptr<const Router> router, torch::Device device = torch::kCPU,
                torch::ScalarType dtype = torch::kFloat32);
  ~LanguageModel() override;

  const ModelSpec& spec() const { return spec_; }
  const Router* router() const { return router_.get(); }
  std::int64_t vocab_size() const override { return spec_.vocab_size; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state = nullptr) const override;
  ForwardResult run(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, const ForwardOptions& options, DecodeState* state = nullptr) const;
  /// Mean cross-entropy in nats of tokens[:, 1:] given tokens[:, :-1], every sequence starting at position 0. Log-probabilities are
  /// never held for all tokens at once.
  LossResult loss(const torch::Tensor& tokens_BT, const ForwardOptions& options) const;

  /// The parameters by canonical name. The tensors are the model's own: an optimiser updates them in place. None requires a gradient
  /// unless the caller says so; gradients are then computed only for those that do.
  const TensorMap& parameters() const { return parameters_; }
  /// The parameters as a Model, sharing memory with this one.
  Model as_model(std::string name) const;

 private:
  ModelSpec spec_;
  std::shared_ptr<const Router> router_;
  TensorMap parameters_;
};

}  // namespace symphony
