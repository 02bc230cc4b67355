// Qwen3-MoE: Qwen3 with experts, weights renormalised or not; no shared expert.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& qwen3_moe() {
  static const Family family = {
      .model_type = "qwen3_moe",
      .architecture = "Qwen3MoeForCausalLM",
      .spec_family = "qwen3",
      .qk_norm = true,
      .num_kv_heads = 4,
      .sliding_window = 4096,
      .window_is_switched = true,
      .moe = MoeFields{.num_experts = "num_experts",
                       .num_experts_too = "num_local_experts",
                       .expert_width = "moe_intermediate_size",
                       .experts_per_token = 8,
                       .renormalised = "norm_topk_prob"},
  };
  return family;
}

}  // namespace symphony::families
