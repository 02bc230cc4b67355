// Seeds named after their purpose: every stage derives its own from the run's root seed, so that neither the order of stages
// nor the number of draws in one of them changes another.
#pragma once

#include <cstdint>
#include <string_view>

namespace symphony {

/// The first 8 bytes (little endian) of SHA-256("symphony.seed\0" + root as decimal + "\0" + purpose).
std::uint64_t derive_seed(std::uint64_t root, std::string_view purpose);

}  // namespace symphony
