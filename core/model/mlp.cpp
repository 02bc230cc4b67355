// One SwiGLU FFN.
#include "core/model/mlp.hpp"

#include "core/model/projection.hpp"
#include "core/model/swiglu.hpp"

namespace symphony {

FfnOutput swiglu_ffn(const FfnParameters& parameters, const torch::Tensor& input_ND, bool keep_gate) {
  auto gate_up_NF2 = project(input_ND, {parameters.gate_FD, parameters.up_FD});
  FfnOutput output;
  output.hidden_NF = swiglu(gate_up_NF2);
  if (keep_gate) output.gate_NF = gate_up_NF2.slice(1, 0, output.hidden_NF.size(1));
  gate_up_NF2.reset();  // of a large model it should not outlive its use
  output.out_ND = project(output.hidden_NF, {parameters.down_DF});
  return output;
}

}  // namespace symphony
