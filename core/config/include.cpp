// Depth-first loading of included files.
#include "core/config/include.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/config/document.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

/// One file on the way from the first to the one being read.
struct Link {
  fs::path shown;      ///< as in marks
  fs::path canonical;  ///< one spelling a file
};

class Loader {
 public:
  Node load(const fs::path& path) {
    files_.push_back(path);
    chain_.push_back({path, fs::weakly_canonical(path)});
    Node own = read_document(path);
    if (!own.is_map()) fail<ConfigError>(own.mark.text(), "the file holds {}, expected a map of settings", own.describe());
    Node root = Node::empty(Node::Kind::map, own.mark);
    if (const Node::Entry* include = own.find("include")) {
      for (const Node& name : listed(include->value)) merge(root, load_included(name, path));
      std::erase_if(own.entries, [](const Node::Entry& entry) { return entry.key == "include"; });
    }
    merge(root, own);
    chain_.pop_back();
    return root;
  }
  std::vector<fs::path> take_files() { return std::move(files_); }

 private:
  static std::vector<Node> listed(const Node& value) {
    if (value.is_list()) return value.items;
    return {value};
  }

  Node load_included(const Node& name, const fs::path& from) {
    const std::string place = name.mark.text();
    if (!name.is_string()) fail<ConfigError>(place, "include: got {}, expected a file's name or a list of them", name.describe());
    const fs::path path = (from.parent_path() / name.scalar.as_string()).lexically_normal();
    if (!fs::is_regular_file(path))
      fail<ConfigError>(place, "include: the file {} does not exist, sought as {}", quoted(name.scalar.as_string()), quoted(path.string()));
    if (files_.size() >= kMaxIncludedFiles) fail<ConfigError>(place, "include: more than {} files, expected fewer", kMaxIncludedFiles);
    const fs::path canonical = fs::weakly_canonical(path);
    const auto same = [&](const Link& link) { return link.canonical == canonical; };
    if (std::any_of(chain_.begin(), chain_.end(), same)) fail<ConfigError>(place, "include: a circle, {}", chain_text(path));
    return load(path);
  }

  std::string chain_text(const fs::path& last) const {
    std::string text;
    for (const Link& link : chain_) text += link.shown.string() + " -> ";
    return text + last.string();
  }

  std::vector<Link> chain_;
  std::vector<fs::path> files_;
};

}  // namespace

LoadedDocument load_document(const fs::path& path) {
  Loader loader;
  Node root = loader.load(path);
  return {std::move(root), loader.take_files()};
}

}  // namespace symphony
