// Seeds by hashing the root and the purpose.
#include "core/base/seed.hpp"

#include <string>

#include "core/base/hash.hpp"

namespace symphony {

std::uint64_t derive_seed(std::uint64_t root, std::string_view purpose) {
  constexpr std::string_view kNul("\0", 1);
  const Digest digest = Sha256().update("symphony.seed").update(kNul).update(std::to_string(root)).update(kNul).update(purpose).finish();
  std::uint64_t seed = 0;
  for (std::size_t byte_idx = 8; byte_idx-- > 0;) seed = seed << 8 | digest[byte_idx];
  return seed;
}

}  // namespace symphony
