// Qwen2-MoE: Qwen2 with experts, weights renormalised or not, and a shared expert behind a sigmoid gate.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& qwen2_moe() {
  static const Family family = {
      .model_type = "qwen2_moe",
      .architecture = "Qwen2MoeForCausalLM",
      .spec_family = "qwen2",
      .qkv_bias = Presence::by_field,
      .num_kv_heads = 16,
      .sliding_window = 4096,
      .window_is_switched = true,
      .moe = MoeFields{.num_experts = "num_experts",
                       .expert_width = "moe_intermediate_size",
                       .experts_per_token = 4,
                       .renormalised = "norm_topk_prob",
                       .shared_width = "shared_expert_intermediate_size"},
  };
  return family;
}

}  // namespace symphony::families
