// A tap as one layer sees it: the layer index and the tokens' place are filled in, and nothing is computed for a site nobody wants.
#pragma once

#include <cstdint>

#include "core/model/tap.hpp"
#include "core/model/token_batch.hpp"

namespace symphony {

class LayerTap {
 public:
  /// `tap` may be null: then nothing is wanted.
  LayerTap(Tap* tap, std::int64_t layer, const TokenBatch& tokens);
  bool wants(Site site) const { return tap_ != nullptr && tap_->wants(site, layer_); }
  /// Values of all tokens of the batch.
  void record(Site site, const torch::Tensor& values) const;
  /// Values of the batch's tokens `rows` in one expert.
  void record_expert(Site site, std::int64_t expert, const torch::Tensor& values, const torch::Tensor& rows) const;

 private:
  Tap* tap_;
  std::int64_t layer_;
  const TokenBatch& tokens_;
};

}  // namespace symphony
