// Our own: any router and output scale, over a dense model of any family. transformers refuses it by name, rather than run it as something else.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& symphony_moe() {
  static const Family family = {
      .model_type = "symphony_moe",
      .architecture = "SymphonyMoeForCausalLM",
      .rope_theta = 1e6,
      .norm_eps = 1e-5,
      .moe = MoeFields{.num_experts = "num_local_experts",
                       .expert_width = "intermediate_size",
                       .shared_width = "shared_expert_intermediate_size",
                       .names = {"block_sparse_moe.experts.", "w1.weight", "w3.weight", "w2.weight", ""}},
  };
  return family;
}

}  // namespace symphony::families
