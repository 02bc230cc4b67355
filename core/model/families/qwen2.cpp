// Qwen2 and Qwen2.5: biases on q, k and v; the small ones tie the head.
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& qwen2() {
  static const Family family = {
      .model_type = "qwen2",
      .architecture = "Qwen2ForCausalLM",
      .spec_family = "qwen2",
      .qkv_bias = Presence::always,
      .num_kv_heads = 32,
      .sliding_window = 4096,
      .window_is_switched = true,
  };
  return family;
}

}  // namespace symphony::families
