// A predictor whose answers are known: the logits of the next token are a fixed table by the current token, whatever came before.
#pragma once

#include "core/base/random.hpp"
#include "core/model/predictor.hpp"

namespace symphony::testing {

class TablePredictor final : public Predictor {
 public:
  explicit TablePredictor(torch::Tensor logits_VV) : logits_VV_(std::move(logits_VV)) {}
  static TablePredictor random(std::int64_t vocab, std::uint64_t seed) {
    torch::Tensor table_VV = torch::empty({vocab, vocab});
    Random(seed, "table").fill_normal({table_VV.data_ptr<float>(), static_cast<std::size_t>(vocab * vocab)}, 0.0, 2.0);
    return TablePredictor(table_VV);
  }
  std::int64_t vocab_size() const override { return logits_VV_.size(0); }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state) const override {
    if (state) {
      // The caller must continue where the state ends.
      if (positions_BT[0][0].item<std::int64_t>() != state->length) throw std::logic_error("positions do not continue the state");
      state->length += tokens_BT.size(1);
    }
    return logits_VV_.index({tokens_BT});
  }
  const torch::Tensor& table() const { return logits_VV_; }

 private:
  torch::Tensor logits_VV_;
};

}  // namespace symphony::testing
