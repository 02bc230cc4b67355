// The FFNs of two models in one layer, compared by their units' weights in the gauges of core/model/ffn_units.hpp. Every part is divided by the product
// of the two models' Frobenius norms of it. Nothing larger is made than what a function returns, one part of the source in float32, and some units' rows.
// F units, D entries of the residual stream.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/model/ffn_units.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

class FfnPair {
 public:
  /// Both models must outlive it.
  FfnPair(const Model& anchor, const Model& source, std::int64_t layer);

  std::int64_t num_units() const { return anchor_balance_F_.size(0); }
  /// sum_FF += <anchor's unit, source's unit>, float32, rows the anchor's.
  void add_similarity(FfnPart part, torch::Tensor& sum_FF) const;
  /// Of the anchor's unit j with the source's unit units[j], float64 [F].
  torch::Tensor pair_similarity(FfnPart part, const torch::Tensor& units) const;
  /// Summed over units of equal index, entries of the residual stream with one another: float64 [D, D].
  torch::Tensor residual_similarity(FfnPart part) const;

 private:
  FfnUnits of_anchor(FfnPart part) const { return {anchor_, layer_, part, anchor_balance_F_}; }
  FfnUnits of_source(FfnPart part) const { return {source_, layer_, part, source_balance_F_}; }

  const Model& anchor_;
  const Model& source_;
  std::int64_t layer_;
  torch::Tensor anchor_balance_F_, source_balance_F_;
};

}  // namespace symphony
