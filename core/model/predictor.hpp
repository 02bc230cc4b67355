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
  torch::Tensor evidence_MB, next_log_p_MBV;               ///< of a posterior ensemble: what each member said of the tokens so far, and says of the next
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

enum class EnsembleWeights {
  uniform,    ///< equal, for every token
  posterior,  ///< of each member given the sequence so far: p(j | x_<t) proportional to prod_{s<t} p_j(x_s | x_<s), equal for its first token
};

/// A mixture of the members' next-token distributions: log sum_j w_j softmax(logits_j). With posterior weights this is Bayes' mixture of the members as models of
/// the whole sequence (Gururangan et al. 2022, DEMix, arXiv 2108.05036, section 5.1, with a uniform prior): causal, and trained nowhere.
class Ensemble final : public Predictor {
 public:
  explicit Ensemble(std::vector<std::shared_ptr<const Predictor>> members, EnsembleWeights weights = EnsembleWeights::uniform);
  std::int64_t vocab_size() const override;
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state) const override;

 private:
  /// log w_j up to a term that all members share: what the member said of the tokens before each position, [B, T]. Extends the state.
  torch::Tensor evidence(std::size_t member, const torch::Tensor& log_p_BTV, const torch::Tensor& tokens_BT, DecodeState* state) const;

  std::vector<std::shared_ptr<const Predictor>> members_;
  EnsembleWeights weights_;
};

}  // namespace symphony
