// Byte-level byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909; on bytes: Radford et al. 2019): a text starts as its bytes, and the
// adjacent pair of lowest rank, the leftmost first, is merged until no pair has a rank.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/data/tokenizer.hpp"

namespace symphony {

struct BpeMerge {
  std::int64_t left = 0, right = 0, merged = 0;  ///< ids; the merge's rank is its place in the list
};

/// What a tokenizer.json says, checked by whoever fills it (tokenizer_json.cpp).
struct BpeTables {
  std::vector<std::pair<std::string, std::int64_t>> tokens;          ///< bytes and id of every ordinary token, by id
  std::vector<std::pair<std::string, std::int64_t>> special_tokens;  ///< content and id, by id
  std::vector<BpeMerge> merges;
};

class Bpe final : public Tokenizer {
 public:
  explicit Bpe(BpeTables tables);
  std::int64_t vocab_size() const override { return vocab_size_; }
  SpecialTokens special() const override { return special_; }
  std::vector<std::int64_t> encode(std::string_view bytes) const override;
  std::string decode(std::span<const std::int64_t> ids) const override;
  std::vector<std::int64_t> token_bytes() const override;
  std::string to_json() const override;

 private:
  struct Rank { std::int64_t rank, merged; };
  struct PairHash {
    std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& pair) const {
      return static_cast<std::size_t>(static_cast<std::uint64_t>(pair.first) * 0x9E3779B97F4A7C15u ^ static_cast<std::uint64_t>(pair.second));
    }
  };

  BpeTables tables_;
  std::int64_t vocab_size_ = 0;
  SpecialTokens special_;
  std::vector<std::int64_t> byte_ids_;               ///< [256]
  std::vector<std::string> bytes_by_id_;             ///< empty for special tokens and gaps
  std::vector<bool> known_;                          ///< by id
  std::unordered_map<std::pair<std::int64_t, std::int64_t>, Rank, PairHash> ranks_;
};

}  // namespace symphony
