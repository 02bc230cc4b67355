// From tokens back to bytes: what every token stands for is worked out once, so that decoding is concatenation and a strip at the ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/tokenizer_spec.hpp"

namespace symphony {

/// The byte that "<0x0A>" stands for; nothing for any other token.
std::optional<char> fallback_byte(std::string_view token);

/// Immutable and thread-safe.
/// Differs from the reference implementation: byte tokens that are no UTF-8 together give their bytes rather than U+FFFD for each.
class TokenDecoder {
 public:
  explicit TokenDecoder(std::vector<DecoderStep> steps);
  /// The bytes that a token adds to a text; `first`: at the beginning of it.
  std::string bytes_of(const std::string& token, bool first) const;
  /// Whether the first token can differ from the others.
  bool first_differs() const;
  /// What happens to the concatenation.
  std::string finished(std::string text) const;

 private:
  std::vector<DecoderStep> steps_;
  std::size_t fuse_idx_ = 0;  ///< the first step that sees the whole text; steps_.size() if there is none
};

}  // namespace symphony
