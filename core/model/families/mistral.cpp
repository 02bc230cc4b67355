// Mistral: Llama's function, and a sliding window unless the file says null (version 0.1 has one, up to whose length it is read).
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& mistral() {
  static const Family family = {
      .model_type = "mistral",
      .architecture = "MistralForCausalLM",
      .spec_family = "mistral",
      .num_kv_heads = 8,
      .sliding_window = 4096,
  };
  return family;
}

}  // namespace symphony::families
