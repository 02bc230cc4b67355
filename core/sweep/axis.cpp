// Expanding a document into sweep points.
#include "core/sweep/axis.hpp"

#include <algorithm>
#include <map>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/config/bind.hpp"
#include "core/config/include.hpp"
#include "core/config/overrides.hpp"
#include "core/config/resolved.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

/// Takes a key out of a map.
std::optional<Node::Entry> take(Node& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(), [&](const Node::Entry& entry) { return entry.key == key; });
  if (found == map.entries.end()) return std::nullopt;
  Node::Entry entry = std::move(*found);
  map.entries.erase(found);
  return entry;
}

void expect_keys(const Node& map, const std::vector<std::string>& known, const std::vector<std::string>& path, Mistakes& mistakes) {
  for (const Node::Entry& entry : map.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    auto inner = path;
    inner.push_back(entry.key);
    mistakes.add(entry.key_mark, inner, fmt::format("unknown key {}; {}", quoted(entry.key), name_hint(entry.key, known)));
  }
}

/// A setting under which all variants are compared with each other.
struct Block {
  std::string name;
  std::vector<Node> patches;
  std::vector<std::string> variants;    ///< names; empty: all
};

struct Variant {
  std::string name;
  Node patch;
};

struct SweepShape {
  std::string baseline;
  std::vector<Block> blocks;
  std::vector<Variant> variants;
  std::vector<std::int64_t> seeds;
};

Block read_block(const Node::Entry& entry, const fs::path& file, Mistakes& mistakes) {
  const std::vector<std::string> path{"sweep", "blocks", entry.key};
  Block block{entry.key, {}, {}};
  if (!entry.value.is_map()) {
    mistakes.add(entry.value.mark, path, "expected a map with 'include', 'set' or 'variants', got " + entry.value.describe());
    return block;
  }
  expect_keys(entry.value, {"include", "set", "variants"}, path, mistakes);
  if (const Node::Entry* include = entry.value.find("include")) {
    const std::vector<Node> names = include->value.is_list() ? include->value.items : std::vector<Node>{include->value};
    for (const Node& name : names) {
      if (!name.is_string()) mistakes.add(name.mark, path, "expected a file's name, got " + name.describe());
      else block.patches.push_back(load_document(file.parent_path() / name.scalar.as_string()).root);
    }
  }
  if (const Node::Entry* set = entry.value.find("set")) block.patches.push_back(set->value);
  if (const Node::Entry* variants = entry.value.find("variants"))
    for (const Node& name : variants->value.items)
      if (name.is_string()) block.variants.push_back(name.scalar.as_string());
  return block;
}

SweepShape read_shape(Node& document, const fs::path& file, Mistakes& mistakes) {
  SweepShape shape;
  if (const auto seeds = take(document, "seeds")) {
    const std::vector<Node> items = seeds->value.is_list() ? seeds->value.items : std::vector<Node>{seeds->value};
    for (const Node& item : items) {
      const bool is_seed = item.kind == Node::Kind::scalar && item.scalar.is_int() && item.scalar.as_int() >= 0;
      if (!is_seed) mistakes.add(item.mark, {"seeds"}, "expected a whole number of at least 0, got " + item.describe());
      else if (std::find(shape.seeds.begin(), shape.seeds.end(), item.scalar.as_int()) != shape.seeds.end())
        mistakes.add(item.mark, {"seeds"}, fmt::format("the seed {} is given twice", item.scalar.as_int()));
      else shape.seeds.push_back(item.scalar.as_int());
    }
  }
  if (shape.seeds.empty()) shape.seeds.push_back(1);

  const auto sweep = take(document, "sweep");
  if (sweep && !sweep->value.is_map()) mistakes.add(sweep->value.mark, {"sweep"}, "expected a map, got " + sweep->value.describe());
  if (sweep && sweep->value.is_map()) {
    expect_keys(sweep->value, {"baseline", "blocks", "variants"}, {"sweep"}, mistakes);
    if (const Node::Entry* variants = sweep->value.find("variants"))
      for (const Node::Entry& entry : variants->value.entries) {
        if (!entry.value.is_map() && !entry.value.is_null())
          mistakes.add(entry.value.mark, {"sweep", "variants", entry.key}, "expected a map of changes, got " + entry.value.describe());
        shape.variants.push_back({entry.key, entry.value.is_map() ? entry.value : Node::empty(Node::Kind::map, entry.value.mark)});
      }
    if (const Node::Entry* blocks = sweep->value.find("blocks"))
      for (const Node::Entry& entry : blocks->value.entries) shape.blocks.push_back(read_block(entry, file, mistakes));
    std::vector<std::string> names;
    for (const Variant& variant : shape.variants) names.push_back(variant.name);
    const auto check_name = [&](const std::string& name, const Mark& mark, std::vector<std::string> path) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        mistakes.add(mark, std::move(path), fmt::format("no variant {}; {}", quoted(name), name_hint(name, names)));
    };
    for (const Block& block : shape.blocks)
      for (const std::string& name : block.variants) check_name(name, sweep->value.mark, {"sweep", "blocks", block.name, "variants"});
    if (const Node::Entry* baseline = sweep->value.find("baseline")) {
      shape.baseline = baseline->value.is_string() ? baseline->value.scalar.as_string() : "";
      check_name(shape.baseline, baseline->value.mark, {"sweep", "baseline"});
    }
  }
  if (shape.variants.empty()) shape.variants.push_back({"", Node::empty(Node::Kind::map, {})});
  if (shape.blocks.empty()) shape.blocks.push_back({"", {}, {}});
  return shape;
}

void apply_profiles(Node& document, const std::vector<std::string>& profiles) {
  const auto section = take(document, "profiles");
  for (const std::string& name : profiles) {
    const Node::Entry* profile = section && section->value.is_map() ? section->value.find(name) : nullptr;
    if (!profile) fail<ConfigError>("--profile", "no profile {}; {}", quoted(name), name_hint(name, section ? section->value.keys() : std::vector<std::string>{}));
    merge(document, profile->value);
  }
}

/// "independent.none.s1-1a2b3c4d"
std::string run_id(const SweepPoint& point, const std::string& hash) {
  std::string id;
  for (const std::string& part : {point.block, point.variant})
    if (!part.empty()) id += part + ".";
  return fmt::format("{}s{}-{}", id, point.seed, hash.substr(0, 8));
}

class Expander {
 public:
  Expander(Node document, SweepShape shape, const PluginRegistry& registry, Mistakes& mistakes)
      : document_(std::move(document)), shape_(std::move(shape)), registry_(registry), mistakes_(mistakes) {}

  Sweep expand() {
    for (const Block& block : shape_.blocks)
      for (const Variant& variant : shape_.variants) {
        const bool chosen = block.variants.empty() || std::find(block.variants.begin(), block.variants.end(), variant.name) != block.variants.end();
        if (!chosen) continue;
        for (const std::int64_t seed : shape_.seeds) add_point(block, variant, seed);
      }
    sweep_.baseline = shape_.baseline;
    return std::move(sweep_);
  }

 private:
  void add_point(const Block& block, const Variant& variant, std::int64_t seed) {
    Node node = document_;
    for (const Node& patch : block.patches) merge(node, patch);
    merge(node, variant.patch);
    set_path(node, "seed", Node(Value(seed), Mark{}), Presence::any, "seeds");
    Experiment experiment = bind<Experiment>(node, mistakes_);
    if (!mistakes_.empty()) return;  // names cannot be checked in what could not be read
    for (const SchemaIssue& issue : check_experiment(experiment, registry_)) mistakes_.add(node, issue);
    if (!mistakes_.empty()) return;
    sweep_.name = experiment.name;
    sweep_.about = experiment.about;
    SweepPoint point;
    point.block = block.name;
    point.variant = variant.name;
    point.seed = seed;
    point.config = Schema::of<Experiment>()->read(&experiment);
    point.origins = ValueMap{};
    for (const Origin& origin : origins(point.config, node)) point.origins.set(origin.path, origin.place);
    const std::string hash = sha256_hex(to_json(point.config));
    point.run_id = run_id(point, hash);
    const auto [first, fresh] = by_hash_.try_emplace(hash, point.run_id);
    if (fresh) sweep_.points.push_back(std::move(point));
    else sweep_.duplicates.push_back(fmt::format("'{}' resolves to the same configuration as '{}': one run", point.run_id, first->second));
  }

  Node document_;
  SweepShape shape_;
  const PluginRegistry& registry_;
  Mistakes& mistakes_;
  Sweep sweep_;
  std::map<std::string, std::string> by_hash_;
};

std::vector<fs::path> experiment_folders() {
  const fs::path installed = own_executable().parent_path().parent_path() / "share" / "symphony" / "experiments";
  return {fs::current_path(), fs::path(SYMPHONY_SOURCE_DIR) / "experiments", installed};
}

}  // namespace

fs::path find_experiment(const fs::path& given) {
  if (given.is_absolute()) {
    if (fs::is_regular_file(given)) return given;
    fail<ConfigError>("--exp", "no file '{}'", given.string());
  }
  std::vector<std::string> known, sought;
  for (const fs::path& folder : experiment_folders()) {
    if (fs::is_regular_file(folder / given)) return folder / given;
    sought.push_back(folder.string());
    if (folder.filename() != "experiments" || !fs::is_directory(folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".yaml") known.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  fail<ConfigError>("--exp", "no file {} in {}; {}", quoted(given.string()), join(sought, ", "), name_hint(given.string(), known));
}

Sweep expand_experiment(const ExperimentRequest& request, const PluginRegistry& registry) {
  const fs::path file = find_experiment(request.file);
  Node document = load_document(file).root;
  apply_profiles(document, request.profiles);
  apply_overrides(document, request.overrides);
  Mistakes mistakes;
  SweepShape shape = read_shape(document, file, mistakes);
  Sweep sweep = Expander(std::move(document), std::move(shape), registry, mistakes).expand();
  mistakes.raise();
  return sweep;
}

}  // namespace symphony
