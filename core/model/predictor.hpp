// How tokens meet a model: language models, ensembles of them and decode-time wrappers all look like this to whoever scores or generates.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

namespace symphony {

/// What a predictor remembers between calls on one batch of sequences: the KV cache of every layer, growing along positions.
struct DecodeState {
  struct Layer { torch::Tensor keys_BGTH, values_BGTH; };  ///< B sequences, G KV heads, T positions so far, H head width; after RoPE
  std::vector<Layer> layers;
  torch::Tensor sequence_carried;                          ///< of sequence-scope routers
  std::vector<DecodeState> members;                        ///< of an ensemble, one a member
  std::int64_t length = 0;                                 ///< positions held
};

class Predictor {
 public:
  virtual ~Predictor();
  virtual std::int64_t vocab_size() const = 0;
  /// tokens_BT int64; positions_BT int64 of the same shape (absolute positions). Without `state`: a fresh causal pass. With `state`: the
  /// tokens continue what the state holds, and it is extended. Returns logits [B, T, V], float32. An ensemble returns log-probabilities.
  virtual torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state = nullptr) const = 0;
};

/// positions 0..T-1 for every row, starting at `first`.
torch::Tensor positions_for(const torch::Tensor& tokens_BT, std::int64_t first = 0);

/// The uniform mixture of the members' next-token distributions: log mean_j softmax(logits_j).
class Ensemble final : public Predictor {
 public:
  explicit Ensemble(std::vector<std::shared_ptr<const Predictor>> members);
  std::int64_t vocab_size() const override;
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state) const override;

 private:
  std::vector<std::shared_ptr<const Predictor>> members_;
};

}  // namespace symphony
