// Qwen3: norms over each query and key head instead of biases, and heads of their own width.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& qwen3() {
  static const Family family = {
      .model_type = "qwen3",
      .architecture = "Qwen3ForCausalLM",
      .spec_family = "qwen3",
      .qk_norm = true,
      .num_kv_heads = 32,
      .head_dim = 128,
      .sliding_window = 4096,
      .window_is_switched = true,
  };
  return family;
}

}  // namespace symphony::families
