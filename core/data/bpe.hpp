// Byte-pair encoding within one piece of text (Sennrich et al. 2016, arXiv 1508.07909; on bytes: Radford et al. 2019): symbols are merged pair by
// pair, the pair of lowest rank first, the leftmost among equals, until no pair has a rank.
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/tokenizer_spec.hpp"

namespace symphony {

using TokenIds = std::vector<std::int64_t>;

/// Immutable and thread-safe.
class BpeMerger {
 public:
  explicit BpeMerger(const std::vector<BpeMerge>& merges);
  bool empty() const { return count_ == 0; }
  /// Merges in place. O(n^2) for short pieces, O(n log n) for long ones.
  void merge(TokenIds& ids) const;

 private:
  struct Entry {
    std::int64_t left = -1, right = -1;  ///< -1: free
    std::uint32_t rank = 0;
    std::int64_t merged = 0;
  };
  const Entry* find(std::int64_t left, std::int64_t right) const;
  void merge_short(TokenIds& ids) const;
  void merge_long(TokenIds& ids) const;

  std::vector<Entry> table_;  ///< open addressing; a power of two, at most half full
  std::size_t count_ = 0;
};

}  // namespace symphony
