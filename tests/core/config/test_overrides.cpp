// Overrides: replacing, adding, removing, and what their messages say.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/document.hpp"
#include "core/config/overrides.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

constexpr const char* kBase = "threads: 1\nrouter: {method: top_k, k: 2}\nalignment: none\nseeds: [1, 2]\nmodels: [{x: 1}, {x: 2}]\nbase: null\n";

Node overridden(const std::vector<std::string>& texts) {
  Node root = parse_document(kBase, "a.yaml");
  apply_overrides(root, texts);
  return root;
}
std::string value_after(const std::string& key, const std::string& text) {
  const Node root = overridden({text});
  const Node::Entry* entry = root.find(key);
  return entry ? to_json(entry->value.value()) : "absent";
}
std::string refusal(const std::string& text) {
  try {
    overridden({text});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("overrides: a value that is there is replaced, read as YAML", "[core][config]") {
  CHECK(value_after("threads", "threads=4") == "4");
  CHECK(value_after("router", "router.k=1") == R"({"method":"top_k","k":1})");
  CHECK(value_after("seeds", "seeds=[1, 2, 3]") == "[1,2,3]");
  CHECK(value_after("seeds", "seeds[1]=7") == "[1,7]");
  CHECK(value_after("models", "models[0].x=5") == R"([{"x":5},{"x":2}])");
  CHECK(value_after("models", "models.1.x='5'") == R"([{"x":1},{"x":"5"}])");
  CHECK(value_after("alignment", "alignment={method: a, x: b=c}") == R"({"method":"a","x":"b=c"})");
  CHECK(value_after("base", "base=m") == R"("m")");
  CHECK(value_after("threads", "threads=") == "null");
}

TEST_CASE("overrides: '+' adds what is not there", "[core][config]") {
  CHECK(value_after("router", "+router.balance=0.1") == R"({"method":"top_k","k":2,"balance":0.1})");
  CHECK(value_after("new", "+new.deep.key=1") == R"({"deep":{"key":1}})");
  CHECK(value_after("seeds", "+seeds[2]=3") == "[1,2,3]");
  CHECK(value_after("base", "+base.x=1") == R"({"x":1})");
  CHECK(value_after("alignment", "+alignment.scope=[ffn]") == R"({"method":"none","scope":["ffn"]})");
}

TEST_CASE("overrides: '~' removes", "[core][config]") {
  CHECK(value_after("router", "~router.k") == R"({"method":"top_k"})");
  CHECK(value_after("threads", "~threads") == "absent");
  CHECK(value_after("models", "~models[0]") == R"([{"x":2}])");
}

TEST_CASE("overrides: naming another method drops the parameters of the old one", "[core][config]") {
  CHECK(value_after("router", "router.method=hash") == R"({"method":"hash"})");
  CHECK(value_after("router", "router.method=top_k") == R"({"method":"top_k","k":2})");
  CHECK(value_after("alignment", "alignment.method=a") == R"({"method":"a"})");
}

TEST_CASE("overrides: later ones see what earlier ones did", "[core][config]") {
  const Node root = overridden({"router.method=hash", "+router.salt=3", "router.salt=4"});
  CHECK(to_json(root.find("router")->value.value()) == R"({"method":"hash","salt":4})");
}

TEST_CASE("overrides: what they set remembers them", "[core][config]") {
  const Node root = overridden({"router.k=1", "+seeds[2]={a: 3}"});
  CHECK(root.find("router")->value.find("k")->value.mark.text() == "override 'router.k=1'");
  CHECK(root.find("router")->value.find("k")->key_mark.text() == "override 'router.k=1'");
  CHECK(root.find("router")->value.find("method")->value.mark.text() == "a.yaml:2:18");
  CHECK(root.find("seeds")->value.items[2].find("a")->value.mark.text() == "override '+seeds[2]={a: 3}'");
}

TEST_CASE("overrides: mistakes name the text, the place and the nearest key", "[core][config]") {
  CHECK_THAT(refusal("thread=4"), Equals("override 'thread=4': the top level has no key 'thread'; did you mean 'threads'?; use '+' to add it"));
  CHECK_THAT(refusal("rooter.k=4"), Contains("the top level has no key 'rooter'; did you mean 'router'?"));
  CHECK_THAT(refusal("router.kk=4"), Contains("'router' has no key 'kk'; did you mean 'k'?"));
  CHECK_THAT(refusal("seeds[5]=4"), Contains("'seeds' has no item 5, it has 2"));
  CHECK_THAT(refusal("+seeds[5]=4"), Contains("appending needs the index 2"));
  CHECK_THAT(refusal("seeds.x=4"), Contains("'seeds' is a list, got the key 'x', expected an index below 2"));
  CHECK_THAT(refusal("threads.x=4"), Contains("'threads' is the number 1, expected a map that holds 'x'"));
  CHECK_THAT(refusal("alignment.scope=ffn"), Contains("use '+' to add a parameter to a method"));
  CHECK_THAT(refusal("+threads=2"), Contains("'threads' is there already"));
  CHECK_THAT(refusal("~nothing"), Contains("override '~nothing': the top level has no key 'nothing'"));
  CHECK_THAT(refusal("threads"), Contains("override 'threads': expected key.path=value"));
  CHECK_THAT(refusal(""), Contains("expected key.path=value"));
  CHECK_THAT(refusal("=3"), Contains("expected key.path=value"));
  CHECK_THAT(refusal("a..b=3"), Contains("has an empty part"));
  CHECK_THAT(refusal("seeds[x]=3"), Contains("has a bad index"));
  CHECK_THAT(refusal("seeds[0=3"), Contains("has a bad index"));
  CHECK_THAT(refusal("threads=\"x"), Contains("override 'threads=\"x': not valid YAML"));
  CHECK_THAT(refusal("threads=yes"), Contains("override 'threads=yes': got 'yes', which some readers take for a boolean"));
}

TEST_CASE("overrides: all that are wrong are told together", "[core][config]") {
  Node root = parse_document(kBase, "a.yaml");
  CHECK_THROWS_WITH(apply_overrides(root, std::vector<std::string>{"x=1", "threads=2", "y=1"}), Contains("'x=1'") && Contains("\noverride 'y=1'"));
}
