// How alike the units of two models are by their weights alone, and how alike two models are as a whole: what weight matching maximises.
//
// Weights are compared where gauges that cost nothing cannot disturb: norm gains folded into their readers (S6) and, in every FFN unit, up
// row and down column scaled to equal norms (S2). Every pair of tensors is divided by the product of its Frobenius norms, so each adds
// at most 1 to an objective (an FFN's up and down share one divisor). Similarities are float64 but for FFN units'; rows are the anchor's units, columns the source's.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/model/model_spec.hpp"

namespace symphony {

/// Gauge-invariant inner products of query heads (methods-alignment 7.4), biases as a further input column, rows times the gains of the norms of
/// query and key heads where there are such:
///   <QK>[h, h'] = sum_p Re(conj(sum_x conj(qA_p) qB_p) * (sum_x conj(kA_p) kB_p))  over the RoPE pairs p (half-split layout) as complex numbers,
///   <OV>[h, h'] = sum((O_A^T O_B) * (V_A V_B^T)),
/// each divided by the geometric mean of its values for h with itself and h' with itself. Entries are in [-2, 2]; a head with itself gives 2.
torch::Tensor head_circuit_similarity(const Model& anchor, const Model& source, std::int64_t layer);

struct HeadWeightSimilarity {
  torch::Tensor heads;   ///< [n_q, n_q]: q rows and o columns
  torch::Tensor groups;  ///< [n_kv, n_kv]: k and v rows
};
/// Plain inner products of the weights of heads: what an average of the weights gains.
HeadWeightSimilarity head_weight_similarity(const Model& anchor, const Model& source, std::int64_t layer);

/// Float32, which is what the assignment reads: these are the largest matrices of an alignment. Where units are matched, core/model/ffn_matching.hpp does with
/// one of them.
struct FfnWeightSimilarity {
  torch::Tensor fixed;   ///< [F, F]: gate rows, whose sign is no symmetry
  torch::Tensor signed_; ///< [F, F]: up rows and down columns (methods-alignment 7.2)
};
FfnWeightSimilarity ffn_weight_similarity(const Model& anchor, const Model& source, std::int64_t layer);

/// Sum over embedding and head, or over those and all readers and writers of the residual stream: [D, D].
torch::Tensor residual_weight_similarity(const Model& anchor, const Model& source, bool embeddings_only);

/// The sum of inner products of corresponding tensors as they stand: what the similarities above sum to under the identity.
double embedding_agreement(const Model& anchor, const Model& source);
double ffn_agreement(const Model& anchor, const Model& source, std::int64_t layer);
/// Weights, and circuits divided by the number of heads.
double attention_agreement(const Model& anchor, const Model& source, std::int64_t layer);

}  // namespace symphony
