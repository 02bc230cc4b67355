// A decoder ready to run: a spec, its parameters in memory, and its router. The forward pass is a function over named tensors, not a module
// tree; training and inference share it.
#pragma once

#include <memory>
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
};

struct ForwardResult {
  torch::Tensor logits_BTV;      ///< float32
  torch::Tensor balance;         ///< mean over MoE layers of the routers' balance term; undefined for dense models
};

class LanguageModel final : public Predictor {
 public:
  /// Loads every tensor of `model` as float32 onto `device`. `router` is required iff the spec has an MoE. Throws DataError on missing, extra
  /// or misshapen tensors.
  LanguageModel(const Model& model, std::shared_ptr<const Router> router, torch::Device device = torch::kCPU);
  ~LanguageModel() override;

  const ModelSpec& spec() const { return spec_; }
  const Router* router() const { return router_.get(); }
  std::int64_t vocab_size() const override { return spec_.vocab_size; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state = nullptr) const override;
  ForwardResult run(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, const ForwardOptions& options, DecodeState* state = nullptr) const;
  /// Mean next-token cross-entropy in nats over tokens_BT[:, 1:], plus balance, without materialising log-probabilities.
  ForwardResult loss(const torch::Tensor& tokens_BT, const ForwardOptions& options, torch::Tensor& loss_nats) const;

  /// The parameters by canonical name. The tensors are the model's own: an optimiser updates them in place.
  const TensorMap& parameters() const { return parameters_; }
  /// A snapshot that shares memory with this model's parameters.
  Model as_model(std::string name) const;

 private:
  ModelSpec spec_;
  std::shared_ptr<const Router> router_;
  TensorMap parameters_;
};

}  // namespace symphony
