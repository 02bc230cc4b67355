// Merging in O(n log n): a heap of candidate pairs ordered by (rank, position) over a linked list of symbols. A popped candidate is stale,
// and skipped, when one of its symbols was merged since.
#include "core/data/bpe.hpp"

#include <algorithm>
#include <queue>
#include <tuple>

#include "core/base/error.hpp"

namespace symphony {

namespace {

/// The role of a special token, by the names that public tokenizers use.
std::optional<std::int64_t> find_special(const BpeTables& tables, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    for (const auto& [content, id] : tables.special_tokens)
      if (content == name) return id;
  return std::nullopt;
}

struct Symbol {
  std::int64_t id;
  std::ptrdiff_t previous, next;  ///< -1 at the ends
  bool alive = true;
};

}  // namespace

Bpe::Bpe(BpeTables tables) : tables_(std::move(tables)), byte_ids_(256, -1) {
  for (const auto* list : {&tables_.tokens, &tables_.special_tokens})
    for (const auto& [content, id] : *list) vocab_size_ = std::max(vocab_size_, id + 1);
  bytes_by_id_.resize(static_cast<std::size_t>(vocab_size_));
  known_.resize(static_cast<std::size_t>(vocab_size_));
  for (const auto& [content, id] : tables_.special_tokens) known_[static_cast<std::size_t>(id)] = true;
  for (const auto& [bytes, id] : tables_.tokens) {
    bytes_by_id_[static_cast<std::size_t>(id)] = bytes;
    known_[static_cast<std::size_t>(id)] = true;
    if (bytes.size() == 1) byte_ids_[static_cast<unsigned char>(bytes.front())] = id;
  }
  for (std::size_t rank = 0; rank < tables_.merges.size(); ++rank) {
    const BpeMerge& merge = tables_.merges[rank];
    ranks_.emplace(std::pair{merge.left, merge.right}, Rank{static_cast<std::int64_t>(rank), merge.merged});
  }
  special_.bos = find_special(tables_, {"<|bos|>", "<s>", "<|begin_of_text|>", "<|endoftext|>"});
  special_.eos = find_special(tables_, {"<|eos|>", "</s>", "<|end_of_text|>", "<|endoftext|>"});
  special_.pad = find_special(tables_, {"<|pad|>", "<pad>", "<|endoftext|>"});
}

std::vector<std::int64_t> Bpe::encode(std::string_view bytes) const {
  std::vector<std::int64_t> ids;
  ids.reserve(bytes.size());
  for (const char byte : bytes) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
  if (ranks_.empty()) return ids;

  const auto count = static_cast<std::ptrdiff_t>(ids.size());
  std::vector<Symbol> symbols;
  for (std::ptrdiff_t at = 0; at < count; ++at)
    symbols.push_back({ids[static_cast<std::size_t>(at)], at - 1, at + 1 < count ? at + 1 : -1});
  struct Candidate {
    std::int64_t rank;
    std::ptrdiff_t left, right;
    std::int64_t left_id, right_id, merged;
    bool operator>(const Candidate& other) const { return std::tie(rank, left) > std::tie(other.rank, other.left); }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto symbol = [&](std::ptrdiff_t at) -> Symbol& { return symbols[static_cast<std::size_t>(at)]; };
  const auto consider = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right < 0) return;
    const auto found = ranks_.find({symbol(left).id, symbol(right).id});
    if (found != ranks_.end())
      candidates.push({found->second.rank, left, right, symbol(left).id, symbol(right).id, found->second.merged});
  };
  for (std::ptrdiff_t at = 0; at + 1 < count; ++at) consider(at, at + 1);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& left = symbol(best.left);
    Symbol& right = symbol(best.right);
    if (!left.alive || !right.alive || left.id != best.left_id || right.id != best.right_id) continue;
    left.id = best.merged;
    left.next = right.next;
    right.alive = false;
    if (left.next >= 0) symbol(left.next).previous = best.left;
    consider(left.previous, best.left);
    consider(best.left, left.next);
  }
  ids.clear();
  for (const Symbol& each : symbols)
    if (each.alive) ids.push_back(each.id);
  return ids;
}

std::string Bpe::decode(std::span<const std::int64_t> ids) const {
  std::string bytes;
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= vocab_size_ || !known_[static_cast<std::size_t>(id)])
      fail<DataError>("tokenizer", "id {} is no token, expected one of 0..{}", id, vocab_size_ - 1);
    bytes += bytes_by_id_[static_cast<std::size_t>(id)];
  }
  return bytes;
}

std::vector<std::int64_t> Bpe::token_bytes() const {
  std::vector<std::int64_t> sizes;
  for (const std::string& bytes : bytes_by_id_) sizes.push_back(static_cast<std::int64_t>(bytes.size()));
  return sizes;
}

}  // namespace symphony
