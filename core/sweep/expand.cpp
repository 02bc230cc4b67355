// Laying patches over the document, and binding every point that comes out.
#include "core/sweep/expand.hpp"

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
#include "core/sweep/slurm_section.hpp"
#include "core/sweep/sweep_section.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

void apply_profiles(Node& document, const std::vector<std::string>& profiles) {
  const auto section = take(document, "profiles");
  for (const std::string& name : profiles) {
    const Node::Entry* profile = section && section->value.is_map() ? section->value.find(name) : nullptr;
    if (!profile) fail<ConfigError>("--profile", "no profile {}; {}", quoted(name), name_hint(name, section ? section->value.keys() : std::vector<std::string>{}));
    merge(document, profile->value);
  }
}

/// A label as part of a folder's name.
std::string folder_text(const std::string& label) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=,+.";
  constexpr std::size_t kMaxLength = 80;
  std::string text = label.substr(0, kMaxLength);
  for (char& letter : text)
    if (kPlain.find(letter) == std::string_view::npos) letter = '_';
  return text;
}

/// "independent.none.s1-1a2b3c4d"
std::string run_id(const ResolvedPoint& point) {
  std::string id;
  for (const std::string& part : {point.block, point.variant})
    if (!part.empty()) id += folder_text(part) + ".";
  return fmt::format("{}s{}-{}", id, point.seed, point.config_hash.substr(0, 8));
}

std::string joined(const std::string& a, const std::string& b) { return a + (a.empty() || b.empty() ? "" : ",") + b; }

class Expander {
 public:
  Expander(const PluginRegistry& registry, Mistakes& mistakes, const std::function<void(ResolvedPoint)>& on_run)
      : registry_(registry), mistakes_(mistakes), on_run_(on_run) {}

  Sweep expand(const Node& document, const SweepSection& section) {
    sweep_.baseline = section.baseline;
    // What variants are compared under; without variants the points themselves are compared.
    const bool has_variants = !section.variants.front().name.empty();
    for (const SweepBlock& block : section.blocks) {
      Node base = document;
      for (const Node& patch : block.patches) merge(base, patch);
      for (const AxisPoint& own : block.points)
        for (const AxisPoint& shared : section.points) {
          const std::string axes = joined(point_label(own), point_label(shared));
          for (const SweepVariant& variant : section.variants) {
            const bool chosen = block.variants.empty() || std::find(block.variants.begin(), block.variants.end(), variant.name) != block.variants.end();
            if (!chosen) continue;
            check_overlap(variant, own);
            check_overlap(variant, shared);
            Node node = base;
            merge(node, variant.patch);
            if (!assign(node, own) || !assign(node, shared)) continue;
            add_point(std::move(node), has_variants ? joined(block.name, axes) : block.name, has_variants ? variant.name : axes, section.seeds);
          }
        }
    }
    return std::move(sweep_);
  }

 private:
  /// An axis is laid over the variant, so what both set would be lost.
  void check_overlap(const SweepVariant& variant, const AxisPoint& point) {
    for (const AxisSetting& setting : point) {
      const auto path = split(setting.path, '.');
      const Located found = locate(variant.patch, path);
      if (found.depth < path.size()) continue;
      mistakes_.add(found.key_mark, {"sweep", "variants", variant.name}, fmt::format("sets {}, which the axis at {} sets too", quoted(setting.path), setting.path_mark.text()));
    }
  }

  bool assign(Node& node, const AxisPoint& point) {
    try {
      for (const AxisSetting& setting : point) set_path(node, setting.path, setting.value, Presence::any, "sweep");
    } catch (const ConfigError& error) {
      mistakes_.add(point.front().path_mark, {"sweep"}, error.what());
      return false;
    }
    return true;
  }

  void add_point(Node node, const std::string& block, const std::string& variant, const std::vector<std::int64_t>& seeds) {
    set_path(node, "seed", Node(Value(seeds.front()), Mark{}), Presence::any, "seeds");
    const std::size_t before = mistakes_.size();
    Experiment experiment = bind<Experiment>(node, mistakes_);
    if (mistakes_.size() > before) return;  // names cannot be checked in what could not be read
    for (const SchemaIssue& issue : check_experiment(experiment, registry_)) mistakes_.add(node, issue);
    check_name(experiment, node);
    if (!mistakes_.empty()) return;
    Value config = Schema::of<Experiment>()->read(&experiment);
    Value origins = ValueMap{};
    for (const Origin& origin : symphony::origins(config, node))
      if (origin.place != Mark{}.text()) origins.as_map().emplace_back(origin.path, origin.place);
    for (const std::int64_t seed : seeds) {
      experiment.seed = seed;
      config.set("seed", seed);
      add_run(block, variant, config, origins, experiment);
    }
  }

  /// The runs of a sweep lie in one folder, which is named after it.
  void check_name(const Experiment& experiment, const Node& node) {
    if (sweep_.name.empty()) sweep_.name = experiment.name, sweep_.about = experiment.about;
    if (experiment.name == sweep_.name) return;
    mistakes_.add(node, {{"name"}, fmt::format("got {}, expected {} as at the sweep's other points", quoted(experiment.name), quoted(sweep_.name)), false});
  }

  void add_run(const std::string& block, const std::string& variant, const Value& config, const Value& origins, const Experiment& experiment) {
    ResolvedPoint point;
    point.block = block;
    point.variant = variant;
    point.seed = experiment.seed;
    point.config_hash = sha256_hex(to_json(config));
    point.run_id = run_id(point);
    const auto [first, fresh] = by_hash_.try_emplace(point.config_hash, point.run_id);
    if (!fresh) {
      sweep_.duplicates.push_back(fmt::format("'{}' resolves to the same configuration as '{}': one run", point.run_id, first->second));
      return;
    }
    point.config = config;
    point.origins = origins;
    point.experiment = std::make_shared<const Experiment>(experiment);
    on_run_(std::move(point));
  }

  const PluginRegistry& registry_;
  Mistakes& mistakes_;
  const std::function<void(ResolvedPoint)>& on_run_;
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

Sweep expand_experiment(const ExperimentRequest& request, const PluginRegistry& registry, const std::function<void(ResolvedPoint)>& on_run) {
  const fs::path file = find_experiment(request.file);
  Node document = load_document(file).root;
  apply_profiles(document, request.profiles);
  apply_overrides(document, apply_slurm_overrides(document, request.overrides));
  Mistakes mistakes;
  const SlurmSettings slurm = take_slurm_section(document, mistakes);
  const SweepSection section = take_sweep_section(document, file, mistakes);
  Sweep sweep = Expander(registry, mistakes, on_run).expand(document, section);
  mistakes.raise();
  sweep.slurm = slurm;
  return sweep;
}

}  // namespace symphony
