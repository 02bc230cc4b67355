// One SwiGLU FFN:  out = W_down (silu(W_gate x) * (W_up x)).
#pragma once

#include "core/model/decoder_parameters.hpp"

namespace symphony {

struct FfnOutput {
  torch::Tensor hidden_NF;  ///< silu(gate) * up
  torch::Tensor out_ND;
};

/// input_ND [N, D], any number of rows.
FfnOutput swiglu_ffn(const FfnParameters& parameters, const torch::Tensor& input_ND);

}  // namespace symphony
