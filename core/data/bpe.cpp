// Short pieces (words) are searched for their best pair anew after every merge. Long ones keep a heap of candidate pairs ordered by (rank,
// position) over a linked list of symbols; a popped candidate is stale, and skipped, when one of its symbols was merged since.
#include "core/data/bpe.hpp"

#include <bit>
#include <queue>
#include <tuple>

namespace symphony {

namespace {

constexpr std::size_t kShortPiece = 48;

std::size_t slot_of(std::int64_t left, std::int64_t right, std::size_t mask) {
  std::uint64_t mixed = static_cast<std::uint64_t>(left) * 0x9E3779B97F4A7C15u ^ static_cast<std::uint64_t>(right) * 0xC2B2AE3D27D4EB4Fu;
  mixed ^= mixed >> 29;
  return static_cast<std::size_t>(mixed) & mask;
}

struct Symbol {
  std::int64_t id;
  std::ptrdiff_t previous, next;  ///< -1 at the ends
  bool alive = true;
};

struct Candidate {
  std::uint32_t rank;
  std::ptrdiff_t left, right;
  std::int64_t left_id, right_id, merged;
  bool operator>(const Candidate& other) const { return std::tie(rank, left) > std::tie(other.rank, other.left); }
};

}  // namespace

BpeMerger::BpeMerger(const std::vector<BpeMerge>& merges) : table_(std::bit_ceil(2 * merges.size() + 2)), count_(merges.size()) {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    std::size_t slot = slot_of(merges[rank].left, merges[rank].right, mask);
    while (table_[slot].left >= 0) slot = (slot + 1) & mask;
    table_[slot] = {merges[rank].left, merges[rank].right, static_cast<std::uint32_t>(rank), merges[rank].merged};
  }
}

const BpeMerger::Entry* BpeMerger::find(std::int64_t left, std::int64_t right) const {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = slot_of(left, right, mask); table_[slot].left >= 0; slot = (slot + 1) & mask)
    if (table_[slot].left == left && table_[slot].right == right) return &table_[slot];
  return nullptr;
}

void BpeMerger::merge(TokenIds& ids) const {
  if (empty() || ids.size() < 2) return;
  if (ids.size() <= kShortPiece) merge_short(ids);
  else merge_long(ids);
}

void BpeMerger::merge_short(TokenIds& ids) const {
  while (true) {
    const Entry* best = nullptr;
    std::size_t best_at = 0;
    for (std::size_t at = 0; at + 1 < ids.size(); ++at) {
      const Entry* found = find(ids[at], ids[at + 1]);
      if (found && (!best || found->rank < best->rank)) best = found, best_at = at;
    }
    if (!best) return;
    ids[best_at] = best->merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

void BpeMerger::merge_long(TokenIds& ids) const {
  const auto count = static_cast<std::ptrdiff_t>(ids.size());
  std::vector<Symbol> symbols;
  symbols.reserve(ids.size());
  for (std::ptrdiff_t at = 0; at < count; ++at) symbols.push_back({ids[static_cast<std::size_t>(at)], at - 1, at + 1 < count ? at + 1 : -1});
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto symbol = [&](std::ptrdiff_t at) -> Symbol& { return symbols[static_cast<std::size_t>(at)]; };
  const auto consider = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right < 0) return;
    if (const Entry* found = find(symbol(left).id, symbol(right).id))
      candidates.push({found->rank, left, right, found->left, found->right, found->merged});
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
}

}  // namespace symphony
