// Reading `seeds` and `sweep`.
#include "core/sweep/sweep_section.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/config/include.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

using Path = std::vector<std::string>;

void expect_keys(const Node& map, std::vector<std::string> known, const Path& path, Mistakes& mistakes) {
  known.insert(known.end(), axis_keys().begin(), axis_keys().end());
  std::sort(known.begin(), known.end());
  for (const Node::Entry& entry : map.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    Path inner = path;
    inner.push_back(entry.key);
    mistakes.add(entry.key_mark, inner, fmt::format("unknown key {}; {}", quoted(entry.key), name_hint(entry.key, known)));
  }
}

/// One string, or a list of them.
std::vector<std::string> strings(const Node& node, const Path& path, Mistakes& mistakes) {
  std::vector<std::string> texts;
  for (const Node& item : node.is_list() ? node.items : std::vector<Node>{node}) {
    if (item.is_string()) texts.push_back(item.scalar.as_string());
    else mistakes.add(item.mark, path, "expected a name, got " + item.describe());
  }
  return texts;
}

std::vector<std::int64_t> read_seeds(const Node& node, Mistakes& mistakes) {
  std::vector<std::int64_t> seeds;
  for (const Node& item : node.is_list() ? node.items : std::vector<Node>{node}) {
    const bool is_seed = item.kind == Node::Kind::scalar && item.scalar.is_int() && item.scalar.as_int() >= 0;
    if (!is_seed) mistakes.add(item.mark, {"seeds"}, "expected a whole number of at least 0, got " + item.describe());
    else if (std::find(seeds.begin(), seeds.end(), item.scalar.as_int()) != seeds.end())
      mistakes.add(item.mark, {"seeds"}, fmt::format("the seed {} is given twice", item.scalar.as_int()));
    else seeds.push_back(item.scalar.as_int());
  }
  return seeds;
}

class SectionReader {
 public:
  SectionReader(const fs::path& file, SweepSection& section, Mistakes& mistakes) : file_(file), section_(section), mistakes_(mistakes) {}

  void read(const Node& sweep) {
    if (!sweep.is_map()) return mistakes_.add(sweep.mark, {"sweep"}, "expected a map, got " + sweep.describe());
    expect_keys(sweep, {"baseline", "blocks", "variants"}, {"sweep"}, mistakes_);
    if (const Node::Entry* variants = sweep.find("variants")) read_variants(variants->value);
    if (const Node::Entry* blocks = sweep.find("blocks")) read_blocks(blocks->value);
    section_.points = axes(sweep, {"sweep"});
    if (const Node::Entry* baseline = sweep.find("baseline")) read_baseline(*baseline);
  }

 private:
  std::vector<AxisPoint> axes(const Node& map, const Path& path) {
    section_.has_axes |= std::any_of(map.entries.begin(), map.entries.end(), [](const Node::Entry& entry) {
      return std::find(axis_keys().begin(), axis_keys().end(), entry.key) != axis_keys().end();
    });
    return read_axes(map, static_cast<std::uint64_t>(section_.seeds.front()), path, mistakes_);
  }

  void read_variants(const Node& variants) {
    if (!variants.is_map()) return mistakes_.add(variants.mark, {"sweep", "variants"}, "expected a map of names to changes, got " + variants.describe());
    for (const Node::Entry& entry : variants.entries) {
      if (!entry.value.is_map() && !entry.value.is_null())
        mistakes_.add(entry.value.mark, {"sweep", "variants", entry.key}, "expected a map of changes, got " + entry.value.describe());
      section_.variants.push_back({entry.key, entry.value.is_map() ? entry.value : Node::empty(Node::Kind::map, entry.value.mark)});
      variant_names_.push_back(entry.key);
    }
  }

  void read_blocks(const Node& blocks) {
    if (!blocks.is_map()) return mistakes_.add(blocks.mark, {"sweep", "blocks"}, "expected a map of names to settings, got " + blocks.describe());
    for (const Node::Entry& entry : blocks.entries) {
      const Path path{"sweep", "blocks", entry.key};
      if (entry.value.is_map()) section_.blocks.push_back(read_block(entry, path));
      else mistakes_.add(entry.value.mark, path, "expected a map with 'include', 'set', 'variants' or axes, got " + entry.value.describe());
    }
  }

  SweepBlock read_block(const Node::Entry& entry, const Path& path) {
    SweepBlock block;
    block.name = entry.key;
    expect_keys(entry.value, {"include", "set", "variants"}, path, mistakes_);
    if (const Node::Entry* include = entry.value.find("include"))
      for (const std::string& name : strings(include->value, path, mistakes_)) block.patches.push_back(load_document(file_.parent_path() / name).root);
    if (const Node::Entry* set = entry.value.find("set")) {
      if (set->value.is_map()) block.patches.push_back(set->value);
      else mistakes_.add(set->value.mark, path, "expected a map of changes under 'set', got " + set->value.describe());
    }
    if (const Node::Entry* variants = entry.value.find("variants")) {
      block.variants = strings(variants->value, path, mistakes_);
      for (const std::string& name : block.variants) check_variant(name, variants->value.mark, path);
    }
    block.points = axes(entry.value, path);
    return block;
  }

  void read_baseline(const Node::Entry& baseline) {
    const auto names = strings(baseline.value, {"sweep", "baseline"}, mistakes_);
    if (names.size() != 1) return;
    section_.baseline = names.front();
    // Without variants the points of the axes are what is compared.
    if (section_.variants.empty())
      for (const AxisPoint& point : section_.points) variant_names_.push_back(point_label(point));
    check_variant(section_.baseline, baseline.value.mark, {"sweep", "baseline"});
  }

  void check_variant(const std::string& name, const Mark& mark, const Path& path) {
    if (std::find(variant_names_.begin(), variant_names_.end(), name) != variant_names_.end()) return;
    mistakes_.add(mark, path, fmt::format("no variant {}; {}", quoted(name), name_hint(name, variant_names_)));
  }

  const fs::path& file_;
  SweepSection& section_;
  Mistakes& mistakes_;
  std::vector<std::string> variant_names_;
};

}  // namespace

std::optional<Node::Entry> take(Node& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(), [&](const Node::Entry& entry) { return entry.key == key; });
  if (found == map.entries.end()) return std::nullopt;
  Node::Entry entry = std::move(*found);
  map.entries.erase(found);
  return entry;
}

SweepSection take_sweep_section(Node& document, const fs::path& file, Mistakes& mistakes) {
  SweepSection section;
  if (const auto seeds = take(document, "seeds")) section.seeds = read_seeds(seeds->value, mistakes);
  if (section.seeds.empty()) section.seeds.push_back(1);
  if (const auto sweep = take(document, "sweep")) SectionReader(file, section, mistakes).read(sweep->value);
  if (section.variants.empty()) section.variants.push_back({"", Node::empty(Node::Kind::map, {})});
  if (section.blocks.empty()) section.blocks.push_back({});
  return section;
}

}  // namespace symphony
