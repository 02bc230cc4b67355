// Mixtral: Mistral with experts in place of the FFN, their weights always renormalised over the chosen ones.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& mixtral() {
  static const Family family = {
      .model_type = "mixtral",
      .architecture = "MixtralForCausalLM",
      .spec_family = "llama",
      .rope_theta = 1e6,
      .norm_eps = 1e-5,
      .num_kv_heads = 8,
      .moe = MoeFields{.num_experts = "num_local_experts",
                       .expert_width = "intermediate_size",
                       .names = {"block_sparse_moe.experts.", "w1.weight", "w3.weight", "w2.weight", "block_sparse_moe.gate.weight"}},
  };
  return family;
}

}  // namespace symphony::families
