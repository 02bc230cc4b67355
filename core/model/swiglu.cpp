// silu(gate) * up.
#include "core/model/swiglu.hpp"

namespace symphony {

torch::Tensor swiglu_plain(const torch::Tensor& gate_NF, const torch::Tensor& up_NF) { return torch::silu(gate_NF) * up_NF; }

torch::Tensor swiglu(const torch::Tensor& gate_NF, const torch::Tensor& up_NF) { return swiglu_plain(gate_NF, up_NF); }

}  // namespace symphony
