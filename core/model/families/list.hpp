// The list of families. One line a family, dense ones first; of a Mixture-of-Experts the first that fits is written. Each is the function of
// that name, in the file of that name.
#pragma once

#include "core/model/family.hpp"

#define SYMPHONY_FAMILIES(FAMILY) \
  FAMILY(llama) \
  FAMILY(mistral) \
  FAMILY(qwen2) \
  FAMILY(qwen3) \
  FAMILY(mixtral) \
  FAMILY(qwen3_moe) \
  FAMILY(qwen2_moe) \
  FAMILY(symphony_moe)

namespace symphony::families {

#define SYMPHONY_DECLARE_FAMILY(name) const Family& name();
SYMPHONY_FAMILIES(SYMPHONY_DECLARE_FAMILY)
#undef SYMPHONY_DECLARE_FAMILY

}  // namespace symphony::families
