// What an experiment file says of its sweep, read out of the document: the keys `seeds` and `sweep` are used up here, before an experiment is
// bound to what is left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/sweep/axes.hpp"

namespace symphony {

/// A named patch.
struct SweepVariant {
  std::string name;
  Node patch;
};

/// A setting under which variants are compared with each other.
struct SweepBlock {
  std::string name;
  std::vector<Node> patches;                   ///< of `include` and `set`, laid over the document in this order
  std::vector<AxisPoint> points{{}};         ///< of its own axes
  std::vector<std::string> variants;           ///< names; empty: all
};

struct SweepSection {
  std::string baseline;
  std::vector<SweepBlock> blocks;                   ///< at least one; of name "" when the file has none
  std::vector<AxisPoint> points{{}};         ///< of the axes that all blocks share
  std::vector<SweepVariant> variants;               ///< at least one; of name "" when the file has none
  std::vector<std::int64_t> seeds;             ///< at least one
  bool has_axes = false;
};

/// Takes the keys out of `document`. `file` is what `include` in a block is relative to.
SweepSection take_sweep_section(Node& document, const std::filesystem::path& file, Mistakes& mistakes);

/// Takes a key out of a map.
std::optional<Node::Entry> take(Node& map, std::string_view key);

}  // namespace symphony
