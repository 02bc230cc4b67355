// Merging: maps key by key, the rest replaced, methods with their parameters.
#include <catch2/catch.hpp>

#include "core/base/json.hpp"
#include "core/config/document.hpp"

using namespace symphony;

namespace {
std::string merged(std::string_view base_text, std::string_view patch_text) {
  Node base = parse_document(base_text, "base.yaml");
  merge(base, parse_document(patch_text, "patch.yaml"));
  return to_json(base.value());
}
}  // namespace

TEST_CASE("merge: maps merge key by key, everything else is replaced", "[core][config]") {
  CHECK(merged("a: {x: 1, y: {p: 1}}\nb: 2", "a: {y: {q: 2}, z: 3}\nc: 4") == R"({"a":{"x":1,"y":{"p":1,"q":2},"z":3},"b":2,"c":4})");
  CHECK(merged("a: [1, 2, 3]", "a: [4]") == R"({"a":[4]})");
  CHECK(merged("a: [1]", "a: {b: 1}") == R"({"a":{"b":1}})");
  CHECK(merged("a: {b: 1}", "a: null") == R"({"a":null})");
  CHECK(merged("a: null", "a: {b: 1}") == R"({"a":{"b":1}})");
  CHECK(merged("a: 5", "a: {b: 1}") == R"({"a":{"b":1}})");
  CHECK(merged("a: {b: 1}", "a: {}") == R"({"a":{"b":1}})");
}

TEST_CASE("merge: another method brings its own parameters only", "[core][config]") {
  CHECK(merged("m: {method: a, x: 1}", "m: {method: b}") == R"({"m":{"method":"b"}})");
  CHECK(merged("m: {method: a, x: 1}", "m: {method: b, y: 2}") == R"({"m":{"method":"b","y":2}})");
  CHECK(merged("m: {method: a, x: 1}", "m: {method: a, y: 2}") == R"({"m":{"method":"a","x":1,"y":2}})");
  CHECK(merged("m: {method: a, x: 1}", "m: {y: 2}") == R"({"m":{"method":"a","x":1,"y":2}})");
  CHECK(merged("m: {x: 1}", "m: {method: b}") == R"({"m":{"x":1,"method":"b"}})");
}

TEST_CASE("merge: a bare method's name stands for a map", "[core][config]") {
  CHECK(merged("m: {method: a, x: 1}", "m: b") == R"({"m":"b"})");
  CHECK(merged("m: {method: a, x: 1}", "m: a") == R"({"m":"a"})");
  CHECK(merged("m: a", "m: {x: 1}") == R"({"m":{"method":"a","x":1}})");
  CHECK(merged("m: a", "m: {method: b, x: 1}") == R"({"m":{"method":"b","x":1}})");
  CHECK(merged("m: a", "m: {method: a, x: 1}") == R"({"m":{"method":"a","x":1}})");
}

TEST_CASE("merge: every part keeps the place it was written at", "[core][config]") {
  Node base = parse_document("a:\n  x: 1\n  y: 2\nm: s\n", "base.yaml");
  merge(base, parse_document("\na: {y: 3}\nm: {k: 1}\n", "patch.yaml"));
  const Node& a = base.find("a")->value;
  CHECK(base.find("a")->key_mark.text() == "base.yaml:1:1");
  CHECK(a.find("x")->value.mark.text() == "base.yaml:2:6");
  CHECK(a.find("y")->key_mark.text() == "patch.yaml:2:5");
  CHECK(a.find("y")->value.mark.text() == "patch.yaml:2:8");
  CHECK(base.find("m")->value.find("method")->value.mark.text() == "base.yaml:4:4");
  CHECK(base.find("m")->value.find("k")->value.mark.text() == "patch.yaml:3:8");
}

TEST_CASE("merge: a subtree is a patch like a whole document", "[core][config]") {
  Node root = parse_document("k: {method: a, x: 1}\nsweep:\n  variants:\n    v:\n      k: {x: 2}\n", "e.yaml");
  const Node patch = root.find("sweep")->value.find("variants")->value.find("v")->value;
  merge(root, patch);
  CHECK(root.find("k")->value.find("x")->value.scalar == Value(2));
  CHECK(root.find("k")->value.find("x")->value.mark.text() == "e.yaml:5:14");
}
