// Spanning the points of grid, zip, list and random axes. Each shape becomes a list of rows (settings that belong together); the shapes'
// rows are multiplied in the order in which the file names them, so that the last one varies fastest.
#include "core/sweep/axes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

using Path = std::vector<std::string>;

constexpr std::size_t kMaxPoints = 1'000'000;

Path with(Path path, std::string part) {
  path.push_back(std::move(part));
  return path;
}

/// A way to draw one value, as `{ uniform: [0, 1] }` says.
struct Distribution {
  enum class Kind { choice, uniform, log_uniform, integer } kind = Kind::choice;
  std::vector<Node> choices;
  double low = 0.0, high = 1.0;
  Mark mark;

  Node draw(Random& random) const {
    if (kind == Kind::choice) return choices[random.below(choices.size())];
    if (kind == Kind::integer) {
      const auto first = static_cast<std::int64_t>(low);
      const auto count = static_cast<std::uint64_t>(static_cast<std::int64_t>(high) - first) + 1;
      return Node(Value(first + static_cast<std::int64_t>(random.below(count))), mark);
    }
    const double share = random.uniform();
    if (kind == Kind::uniform) return Node(Value(low + share * (high - low)), mark);
    return Node(Value(std::exp(std::log(low) + share * (std::log(high) - std::log(low)))), mark);
  }
};

class AxesReader {
 public:
  AxesReader(std::uint64_t root_seed, Path path, Mistakes& mistakes) : root_seed_(root_seed), path_(std::move(path)), mistakes_(mistakes) {}

  std::vector<AxisPoint> read(const Node& section) {
    std::vector<AxisPoint> points(1);
    for (const Node::Entry& entry : section.entries) {
      if (entry.key == "grid") points = multiply(std::move(points), grid(entry));
      if (entry.key == "zip") points = multiply(std::move(points), zip(entry));
      if (entry.key == "list") points = multiply(std::move(points), list(entry));
      if (entry.key == "random") points = multiply(std::move(points), samples(entry));
    }
    if (const Node::Entry* exclude = section.find("exclude")) drop(points, *exclude);
    return points;
  }

 private:
  void wrong(const Mark& mark, Path inner, std::string message) {
    Path path = path_;
    path.insert(path.end(), inner.begin(), inner.end());
    mistakes_.add(mark, std::move(path), std::move(message));
  }

  /// Notes that an axis varies `path`; two axes must not vary the same setting, nor one a part of the other's.
  void claim(const std::string& path, const Mark& mark, const Path& where) {
    for (const auto& [other, place] : claimed_) {
      const bool nested = path.starts_with(other + ".") || other.starts_with(path + ".");
      if (path != other && !nested) continue;
      wrong(mark, where, path == other ? fmt::format("{} is varied twice, first at {}", quoted(path), place.text())
                                       : fmt::format("{} and {} (at {}) overlap; vary them in one `list`", quoted(path), quoted(other), place.text()));
    }
    claimed_.emplace(path, mark);
  }

  std::vector<AxisPoint> multiply(std::vector<AxisPoint> left, const std::vector<AxisPoint>& right) {
    std::vector<AxisPoint> product;
    if (left.size() * std::max<std::size_t>(right.size(), 1) > kMaxPoints) {
      wrong({}, {}, fmt::format("spans {} x {} points, expected at most {}", left.size(), right.size(), kMaxPoints));
      return left;
    }
    product.reserve(left.size() * right.size());
    for (const AxisPoint& outer : left)
      for (const AxisPoint& inner : right) {
        product.push_back(outer);
        product.back().insert(product.back().end(), inner.begin(), inner.end());
      }
    return product;
  }

  bool is_axis_map(const Node::Entry& entry, const char* expected) {
    if (entry.value.is_map()) return true;
    wrong(entry.value.mark, {entry.key}, fmt::format("expected {}, got {}", expected, entry.value.describe()));
    return false;
  }

  /// The values of one axis; a mistake when it has none.
  const std::vector<Node>& values_of(const Node::Entry& axis, const Path& where) {
    static const std::vector<Node> kNone;
    if (axis.value.is_list() && !axis.value.items.empty()) return axis.value.items;
    wrong(axis.value.mark, where, fmt::format("expected a list of values, got {}", axis.value.describe()));
    return kNone;
  }

  std::vector<AxisPoint> grid(const Node::Entry& entry) {
    std::vector<AxisPoint> rows(1);
    if (!is_axis_map(entry, "a map of settings to lists of values")) return rows;
    for (const Node::Entry& axis : entry.value.entries) {
      const Path where{entry.key, axis.key};
      claim(axis.key, axis.key_mark, where);
      std::vector<AxisPoint> column;
      for (const Node& value : values_of(axis, where)) column.push_back({{axis.key, axis.key_mark, value}});
      if (!column.empty()) rows = multiply(std::move(rows), column);
    }
    return rows;
  }

  std::vector<AxisPoint> zip(const Node::Entry& entry) {
    std::vector<AxisPoint> rows;
    if (!is_axis_map(entry, "a map of settings to equally long lists")) return {{}};
    for (const Node::Entry& axis : entry.value.entries) {
      const Path where{entry.key, axis.key};
      claim(axis.key, axis.key_mark, where);
      const std::vector<Node>& values = values_of(axis, where);
      if (&axis == &entry.value.entries.front()) rows.resize(values.size());
      if (values.size() != rows.size()) {
        wrong(axis.value.mark, where, fmt::format("has {} values, expected {} as {} has", values.size(), rows.size(), quoted(entry.value.entries.front().key)));
        continue;
      }
      for (std::size_t row = 0; row < rows.size(); ++row) rows[row].push_back({axis.key, axis.key_mark, values[row]});
    }
    return rows.empty() ? std::vector<AxisPoint>(1) : rows;
  }

  std::vector<AxisPoint> list(const Node::Entry& entry) {
    std::vector<AxisPoint> rows;
    if (!entry.value.is_list()) wrong(entry.value.mark, {entry.key}, fmt::format("expected a list of maps of settings to values, got {}", entry.value.describe()));
    std::map<std::string, Mark> varied;
    for (std::size_t index = 0; index < entry.value.items.size(); ++index) {
      const Node& item = entry.value.items[index];
      if (!item.is_map()) {
        wrong(item.mark, {entry.key, std::to_string(index)}, fmt::format("expected a map of settings to values, got {}", item.describe()));
        continue;
      }
      rows.emplace_back();
      for (const Node::Entry& setting : item.entries) {
        varied.emplace(setting.key, setting.key_mark);
        rows.back().push_back({setting.key, setting.key_mark, setting.value});
      }
    }
    // Within the list, points may set parts of what others set whole; only other shapes must keep away.
    const auto before = claimed_;
    auto claimed = before;
    for (const auto& [path, mark] : varied) {
      claimed_ = before;
      claim(path, mark, {entry.key});
      claimed.emplace(path, mark);
    }
    claimed_ = std::move(claimed);
    return rows.empty() ? std::vector<AxisPoint>(1) : rows;
  }

  /// A whole number of at least `least`, or a mistake and nothing.
  std::optional<std::uint64_t> count_of(const Node::Entry& entry, std::int64_t least, const Path& where) {
    const Node& node = entry.value;
    if (node.kind == Node::Kind::scalar && node.scalar.is_int() && node.scalar.as_int() >= least) return static_cast<std::uint64_t>(node.scalar.as_int());
    wrong(node.mark, where, fmt::format("expected a whole number of at least {}, got {}", least, node.describe()));
    return std::nullopt;
  }

  std::optional<Distribution> distribution(const Node::Entry& axis, const Path& where) {
    const std::vector<std::string> kinds{"choice", "integer", "log_uniform", "uniform"};
    const Node& node = axis.value;
    if (!node.is_map() || node.entries.size() != 1) {
      wrong(node.mark, where, fmt::format("expected one of choice, uniform, log_uniform or integer with its list, got {}", node.describe()));
      return std::nullopt;
    }
    const Node::Entry& form = node.entries.front();
    if (std::find(kinds.begin(), kinds.end(), form.key) == kinds.end()) {
      wrong(form.key_mark, where, fmt::format("unknown distribution {}; {}", quoted(form.key), name_hint(form.key, kinds)));
      return std::nullopt;
    }
    Distribution result;
    result.mark = form.value.mark;
    if (form.key == "choice") {
      result.choices = values_of(form, with(where, form.key));
      return result.choices.empty() ? std::nullopt : std::optional(result);
    }
    result.kind = form.key == "uniform" ? Distribution::Kind::uniform : form.key == "integer" ? Distribution::Kind::integer : Distribution::Kind::log_uniform;
    const auto is_bound = [&](const Node& bound) {
      return bound.kind == Node::Kind::scalar && (result.kind == Distribution::Kind::integer ? bound.scalar.is_int() : bound.scalar.is_number());
    };
    const bool bounded = form.value.is_list() && form.value.items.size() == 2 && is_bound(form.value.items[0]) && is_bound(form.value.items[1]);
    if (bounded) result.low = form.value.items[0].scalar.as_double(), result.high = form.value.items[1].scalar.as_double();
    const bool positive = result.kind != Distribution::Kind::log_uniform || result.low > 0.0;
    if (bounded && result.low <= result.high && positive) return result;
    wrong(form.value.mark, with(where, form.key), fmt::format("expected [low, high]{} with low at most high{}, got {}", result.kind == Distribution::Kind::integer ? " of whole numbers" : "",
                                                              result.kind == Distribution::Kind::log_uniform ? " and both above 0" : "", to_json(form.value.value())));
    return std::nullopt;
  }

  std::vector<AxisPoint> samples(const Node::Entry& entry) {
    if (!is_axis_map(entry, "a map with 'samples' and 'space'")) return {{}};
    const std::vector<std::string> known{"samples", "seed", "space"};
    std::optional<std::uint64_t> count;
    std::uint64_t seed = root_seed_;
    const Node::Entry* space = nullptr;
    for (const Node::Entry& part : entry.value.entries) {
      const Path where{entry.key, part.key};
      if (part.key == "samples") count = count_of(part, 1, where);
      else if (part.key == "seed") seed = count_of(part, 0, where).value_or(seed);
      else if (part.key == "space" && part.value.is_map()) space = &part;
      else if (part.key == "space") wrong(part.value.mark, where, fmt::format("expected a map of settings to distributions, got {}", part.value.describe()));
      else wrong(part.key_mark, where, fmt::format("unknown key {}; {}", quoted(part.key), name_hint(part.key, known)));
    }
    if (!entry.value.find("samples")) wrong(entry.key_mark, {entry.key}, "misses the key 'samples', the number of points to draw");
    if (!entry.value.find("space")) wrong(entry.key_mark, {entry.key}, "misses the key 'space', what to draw");
    if (!count || !space) return {{}};
    std::vector<AxisPoint> rows(std::min<std::uint64_t>(*count, kMaxPoints));
    for (const Node::Entry& axis : space->value.entries) {
      const Path where{entry.key, "space", axis.key};
      claim(axis.key, axis.key_mark, where);
      const auto drawn = distribution(axis, where);
      if (!drawn) continue;
      // A stream for each setting: adding one leaves the others' draws as they were.
      Random random(seed, "sweep.random." + axis.key);
      for (AxisPoint& row : rows) row.push_back({axis.key, axis.key_mark, drawn->draw(random)});
    }
    return rows;
  }

  void drop(std::vector<AxisPoint>& points, const Node::Entry& exclude) {
    if (!exclude.value.is_list()) return wrong(exclude.value.mark, {exclude.key}, fmt::format("expected a list of maps of settings to values, got {}", exclude.value.describe()));
    for (std::size_t index = 0; index < exclude.value.items.size(); ++index) {
      const Node& rule = exclude.value.items[index];
      const Path where{exclude.key, std::to_string(index)};
      if (!rule.is_map() || rule.entries.empty()) {
        wrong(rule.mark, where, fmt::format("expected a map of settings to values, got {}", rule.describe()));
        continue;
      }
      const auto holds = [](const AxisPoint& point, const Node::Entry& setting) {
        return std::any_of(point.begin(), point.end(), [&](const AxisSetting& given) { return given.path == setting.key && given.value.value() == setting.value.value(); });
      };
      const auto excluded = [&](const AxisPoint& point) {
        return std::all_of(rule.entries.begin(), rule.entries.end(), [&](const Node::Entry& setting) { return holds(point, setting); });
      };
      if (std::erase_if(points, excluded) == 0) wrong(rule.mark, where, "excludes no point; the values must be ones that the axes take together");
    }
  }

  std::uint64_t root_seed_;
  Path path_;
  Mistakes& mistakes_;
  std::map<std::string, Mark> claimed_;
};

std::string value_text(const Value& value) {
  if (value.is_string()) return value.as_string();
  std::string text;
  if (value.is_list()) {
    for (const Value& item : value.as_list()) text += fmt::format("{}{}", text.empty() ? "" : "+", value_text(item));
    return text;
  }
  if (const Value* method = value.is_map() ? value.find("method") : nullptr; method && value.as_map().size() == 1) return value_text(*method);
  return to_json(value);
}

}  // namespace

const std::vector<std::string>& axis_keys() {
  static const std::vector<std::string> kKeys{"exclude", "grid", "list", "random", "zip"};
  return kKeys;
}

std::vector<AxisPoint> read_axes(const Node& section, std::uint64_t root_seed, const std::vector<std::string>& path, Mistakes& mistakes) {
  return AxesReader(root_seed, path, mistakes).read(section);
}

std::string point_label(const AxisPoint& point) {
  const auto last_part = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  std::map<std::string, int> uses;
  for (const AxisSetting& setting : point) ++uses[last_part(setting.path)];
  std::string label;
  for (const AxisSetting& setting : point) {
    const std::string last = last_part(setting.path);
    label += fmt::format("{}{}={}", label.empty() ? "" : ",", uses[last] == 1 ? last : setting.path, value_text(setting.value.value()));
  }
  return label;
}

}  // namespace symphony
