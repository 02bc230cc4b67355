// One SwiGLU FFN:  out = W_down (silu(W_gate x) * (W_up x)).
#pragma once

#include "core/model/decoder_parameters.hpp"

namespace symphony {

struct FfnOutput {
  torch::Tensor gate_NF;    ///< W_gate x, where asked for
  torch::Tensor hidden_NF;  ///< silu(gate) * up
  torch::Tensor out_ND;
};

/// input_ND [N, D], any number of rows. `keep_gate`: for a tap that wants it.
FfnOutput swiglu_ffn(const FfnParameters& parameters, const torch::Tensor& input_ND, bool keep_gate = false);

}  // namespace symphony
