// Llama 1 to 3 and what was trained in its form: TinyLlama, SmolLM2 (tied head).
#include "core/model/families/list.hpp"

namespace symphony::families {

const Family& llama() {
  static const Family family = {
      .model_type = "llama",
      .architecture = "LlamaForCausalLM",
      .spec_family = "llama",
  };
  return family;
}

}  // namespace symphony::families
