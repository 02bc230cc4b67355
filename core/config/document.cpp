// Builds the marked tree from parser events. Nothing here recurses over the input: open containers are a stack, and aliases are copies whose
// size and height were counted when their anchor closed.
#include "core/config/document.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <unordered_map>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/config/scalar.hpp"

namespace symphony {

namespace {

class TreeBuilder : public YAML::EventHandler {
 public:
  /// Parts are marked `base`, with the parser's line and column when it `has_lines`.
  TreeBuilder(Mark base, bool has_lines) : base_(std::move(base)), has_lines_(has_lines) {}

  void OnDocumentStart(const YAML::Mark& at) override {
    if (num_documents_++ > 0) refuse(at, "a second document, expected one document in a file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(at, "an empty key, expected a name");
    put_leaf(at, Value(), anchor);
  }

  void OnAlias(const YAML::Mark& at, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(at, "an alias as a key, expected a name");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(at, "an alias to a value that holds it, expected one that ends before");
    const Anchored& anchored = found->second;
    if (open_.size() + anchored.height > kMaxDocumentDepth) refuse_depth(at);
    count(anchored.num_nodes, at);
    put(anchored.node, anchored.num_nodes, anchored.height);
  }

  void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    // The parser turns these two escapes into single bytes.
    if (valid_utf8_prefix(text) != text.size()) refuse(at, "text with the escape \\N or \\_, expected \\u0085 or \\u00a0 in its place");
    const bool plain = tag.empty() || tag == "?";
    if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str") refuse_tag(at, tag);
    if (expects_key()) return put_key(at, text);
    if (!plain) return put_leaf(at, Value(text), anchor);
    auto resolved = resolve_plain_scalar(text);
    if (const std::string* refusal = std::get_if<std::string>(&resolved)) refuse(at, *refusal);
    put_leaf(at, std::get<Value>(std::move(resolved)), anchor);
  }

  void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(Node::Kind::list, at, tag, "tag:yaml.org,2002:seq", anchor);
  }
  void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(Node::Kind::map, at, tag, "tag:yaml.org,2002:map", anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  std::size_t num_documents() const { return num_documents_; }
  Node take() { return std::move(root_); }

 private:
  struct Container {
    Node node;
    YAML::anchor_t anchor;
    std::size_t num_nodes = 1, height = 1;
    bool has_pending_key = false;
    std::string pending_key;
    Mark pending_mark;
    std::unordered_map<std::string, Mark> seen;
  };
  struct Anchored {
    Node node;
    std::size_t num_nodes, height;
  };

  Mark mark(const YAML::Mark& at) const {
    Mark result = base_;
    if (has_lines_) result.line = at.line + 1, result.column = at.column + 1;
    return result;
  }
  [[noreturn]] void refuse(const YAML::Mark& at, std::string_view message) const { fail<ConfigError>(mark(at).text(), "{}", message); }
  [[noreturn]] void refuse_tag(const YAML::Mark& at, const std::string& tag) const {
    refuse(at, fmt::format("the tag {}, expected no tag", quoted(tag)));
  }
  [[noreturn]] void refuse_depth(const YAML::Mark& at) const {
    refuse(at, fmt::format("nested too deeply, expected at most {} levels", kMaxDocumentDepth));
  }

  bool expects_key() const { return !open_.empty() && open_.back().node.is_map() && !open_.back().has_pending_key; }

  void put_key(const YAML::Mark& at, const std::string& key) {
    Container& map = open_.back();
    if (key.empty()) refuse(at, "an empty key, expected a name");
    if (key == "<<") refuse(at, "the key '<<', which is not supported; use 'include' with deep merge");
    const auto [present, is_new] = map.seen.emplace(key, mark(at));
    if (!is_new) refuse(at, fmt::format("duplicate key {}, first at {}", quoted(key), present->second.text()));
    map.pending_key = key;
    map.pending_mark = mark(at);
    map.has_pending_key = true;
  }

  void open(Node::Kind kind, const YAML::Mark& at, const std::string& tag, std::string_view own_tag, YAML::anchor_t anchor) {
    if (expects_key()) refuse(at, fmt::format("a {} as a key, expected a name", kind == Node::Kind::map ? "map" : "list"));
    if (!tag.empty() && tag != "?" && tag != "!" && tag != own_tag) refuse_tag(at, tag);
    if (open_.size() >= kMaxDocumentDepth) refuse_depth(at);
    count(1, at);
    Container container;
    container.node = Node::empty(kind, mark(at));
    container.anchor = anchor;
    open_.push_back(std::move(container));
  }

  void close() {
    Container finished = std::move(open_.back());
    open_.pop_back();
    remember(finished.anchor, finished.node, finished.num_nodes, finished.height);
    put(std::move(finished.node), finished.num_nodes, finished.height);
  }

  void put_leaf(const YAML::Mark& at, Value value, YAML::anchor_t anchor) {
    count(1, at);
    Node leaf(std::move(value), mark(at));
    remember(anchor, leaf, 1, 1);
    put(std::move(leaf), 1, 1);
  }

  /// The copy kept for aliases takes memory like any other part, so it counts.
  void remember(YAML::anchor_t anchor, const Node& node, std::size_t num_nodes, std::size_t height) {
    if (anchor == YAML::NullAnchor) return;
    total_nodes_ += num_nodes;
    anchors_[anchor] = Anchored{node, num_nodes, height};
  }

  void count(std::size_t num_nodes, const YAML::Mark& at) {
    total_nodes_ += num_nodes;
    if (total_nodes_ > kMaxDocumentNodes)
      refuse(at, fmt::format("more than {} keys and values once aliases are expanded, expected fewer", kMaxDocumentNodes));
  }

  void put(Node node, std::size_t num_nodes, std::size_t height) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Container& parent = open_.back();
    parent.num_nodes += num_nodes;
    parent.height = std::max(parent.height, height + 1);
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    parent.node.entries.push_back({std::move(parent.pending_key), parent.pending_mark, std::move(node)});
    parent.has_pending_key = false;
  }

  Mark base_;
  bool has_lines_;
  std::size_t num_documents_ = 0, total_nodes_ = 0;
  Node root_;
  std::vector<Container> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
};

/// Refuses bytes that a YAML stream cannot hold, which the parser would replace or stumble over.
void check_bytes(std::string_view text, const Mark& base, bool has_lines) {
  std::size_t bad = valid_utf8_prefix(text);
  for (std::size_t offset = 0; offset < bad; ++offset) {
    const auto byte = static_cast<unsigned char>(text[offset]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) bad = offset;
  }
  if (bad == text.size()) return;
  Mark at = base;
  if (has_lines) {
    const std::string_view before = text.substr(0, bad);
    at.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    at.column = static_cast<int>(before.size() - (before.rfind('\n') + 1)) + 1;  // npos + 1 is 0
  }
  fail<ConfigError>(at.text(), "the byte 0x{:02x}, expected text in UTF-8 without control characters", static_cast<unsigned char>(text[bad]));
}

Node parse(std::string_view text, const Mark& base, bool has_lines) {
  if (text.size() > kMaxDocumentBytes)
    fail<ConfigError>(base.text(), "is too large, got {}, expected at most {}", human_bytes(text.size()), human_bytes(kMaxDocumentBytes));
  check_bytes(text, base, has_lines);
  TreeBuilder builder(base, has_lines);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {}
  } catch (const YAML::Exception& error) {
    Mark at = base;
    if (has_lines && !error.mark.is_null()) at.line = error.mark.line + 1, at.column = error.mark.column + 1;
    fail<ConfigError>(at.text(), "not valid YAML, {}", error.msg);
  }
  return builder.take();
}

}  // namespace

Node parse_document(std::string_view text, std::string_view source) {
  const Mark base{std::make_shared<const std::string>(source)};
  Node root = parse(text, base, true);
  return root.is_null() ? Node::empty(Node::Kind::map, Mark{base.source, 1, 1}) : root;
}

Node parse_inline(std::string_view text, const Mark& mark) { return parse(text, mark, false); }

Node read_document(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_text(path, kMaxDocumentBytes);
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
  return parse_document(text, path.string());
}

}  // namespace symphony
