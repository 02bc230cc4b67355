// One SwiGLU FFN.
#include "core/model/mlp.hpp"

#include "core/model/projection.hpp"
#include "core/model/swiglu.hpp"

namespace symphony {

FfnOutput swiglu_ffn(const FfnParameters& parameters, const torch::Tensor& input_ND) {
  auto hidden_NF = swiglu(project(input_ND, {parameters.gate_FD, parameters.up_FD}));
  auto out_ND = project(hidden_NF, {parameters.down_DF});
  return {std::move(hidden_NF), std::move(out_ND)};
}

}  // namespace symphony
