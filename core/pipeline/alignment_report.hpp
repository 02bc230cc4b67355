// What an alignment did, measured on calibration tokens and on the weights: the checks of methods-alignment section 9 on every aligned source, and
// how close each came to the anchor.
#pragma once

#include <vector>

#include <torch/types.h>

#include "core/base/record.hpp"
#include "core/model/symmetry.hpp"

namespace symphony {

struct AlignedSources {
  const std::vector<Model>& sources;
  const std::vector<TransformSet>& sets;  ///< one a source
  std::size_t anchor = 0;
};

/// Whether the set leaves every tensor as it is: that of the anchor, and all of a method that aligns nothing.
bool is_identity(const TransformSet& set);

struct InvarianceSettings {
  double tolerance = 1e-5;   ///< on the logits for permutations and signs; ten times as much where gains are folded or bases change
  bool approximate = false;  ///< measure only
};

/// Checks I1 to I3, I5, I6 and I8: logits on `tokens_NT` and on as many random ones, the residual stream carried back, the loss, the logits when stored in
/// bfloat16, the way back by the inverse where there is one, and decoding against a KV cache. Records arrays invariance/*; throws NumericError naming source
/// and value when one fails. Of an approximate method it also notes `approximate`: by how much the function of every source changed.
void check_and_record_invariance(const AlignedSources& aligned, const torch::Tensor& tokens_NT, const InvarianceSettings& settings, std::uint64_t seed,
                                 Recorder& recorder);

/// Arrays alignment/similarity/* over sources, layers and {before, after}: matched correlation and unbiased linear CKA of FFN units, cosine and
/// unbiased linear CKA of the residual stream; and alignment/weight_distance over sources, parts of the model and {before, after}.
void record_similarity(const AlignedSources& aligned, const torch::Tensor& tokens_NT, Recorder& recorder);

}  // namespace symphony
