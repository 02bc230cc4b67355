// Parameters declared once: reading every member type, what is refused with which words, and the way back.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/schema.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

struct Leaf {
  std::int64_t steps = 10;
  std::string domain = "code";
  static void describe(Schema& s) {
    s.field<&Leaf::steps>("steps", "optimiser steps").at_least(1).in("steps");
    s.field<&Leaf::domain>("domain", "training text").one_of({"code", "scripture"});
  }
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

struct Everything {
  bool flag = true;
  std::int64_t count = 3;
  std::uint32_t small = 7;
  double rate = 0.5;
  std::string text = "x";
  std::optional<double> scale;
  std::optional<Leaf> maybe;
  std::vector<double> weights{1.0};
  std::vector<std::string> words;
  std::vector<Leaf> leaves;
  Named<Leaf> models;
  Named<std::vector<std::int64_t>> lists;
  Leaf leaf;
  Method method{"top_k", ValueMap{}};
  std::vector<Method> methods;
  Named<Method> by_kind;
  Value anything;
  static void describe(Schema& s) {
    s.field<&Everything::flag>("flag", "a flag");
    s.field<&Everything::count>("count", "a count").range(0, 5);
    s.field<&Everything::small>("small", "an unsigned");
    s.field<&Everything::rate>("rate", "a rate").range(0, 1);
    s.field<&Everything::text>("text", "a text");
    s.field<&Everything::scale>("scale", "a scale").range(0, 2);
    s.field<&Everything::maybe>("maybe", "a leaf or none");
    s.field<&Everything::weights>("weights", "weights").at_least(0);
    s.field<&Everything::words>("words", "words").one_of({"ffn", "residual"});
    s.field<&Everything::leaves>("leaves", "leaves");
    s.field<&Everything::models>("models", "named leaves");
    s.field<&Everything::lists>("lists", "named lists");
    s.field<&Everything::leaf>("leaf", "a leaf");
    s.field<&Everything::method>("method", "the router").plugin("router");
    s.field<&Everything::methods>("methods", "suites").plugin("eval");
    s.field<&Everything::by_kind>("by_kind", "fusion a kind").plugin("fusion");
    s.field<&Everything::anything>("anything", "whatever");
  }
};

/// A method with core's own settings beside it.
struct Routed {
  Method method;
  std::string init = "uniform";
  static void describe(Schema& s) {
    s.method<&Routed::method>("router", "how tokens choose experts");
    s.field<&Routed::init>("init", "initialisation");
  }
};
struct Holder {
  Routed router{Method{"top_k", ValueMap{{"k", Value(2)}}}, "uniform"};
  Named<Routed> others;
  static void describe(Schema& s) {
    s.field<&Holder::router>("router", "the router");
    s.field<&Holder::others>("others", "more");
  }
};
struct Needy {
  std::string name;
  static void describe(Schema& s) { s.field<&Needy::name>("name", "of the run").must_be_given(); }
};
struct Empty {
  static void describe(Schema&) {}
};

template <typename T>
std::vector<std::string> issues(const char* json) {
  T object{};
  std::vector<std::string> lines;
  for (const SchemaIssue& issue : Schema::of<T>()->assign(&object, parse_json(json, "t"))) lines.push_back(path_text(issue.path) + ": " + issue.message);
  return lines;
}
template <typename T>
std::string first_issue(const char* json) {
  const auto all = issues<T>(json);
  return all.size() == 1 ? all[0] : fmt::format("{} issues: {}", all.size(), join(all, " | "));
}
template <typename T>
T read(const char* json) {
  return from_value<T>(parse_json(json, "t"), "test");
}
template <typename T>
std::string written(const T& object) {
  return to_json(Schema::of<T>()->read(&object));
}

}  // namespace

TEST_CASE("schema: every member type is read", "[core][base]") {
  const auto all = read<Everything>(R"({"flag": false, "count": 5, "small": 4000000000, "rate": 1, "text": "y", "scale": 1.5, "maybe": {"steps": 2},
    "weights": [1, 0.5], "words": "ffn", "leaves": [{}, {"steps": 4}], "models": {"b": {}, "a": {"domain": "scripture"}}, "lists": {"x": 3},
    "leaf": {"steps": 9}, "method": {"method": "hash", "salt": 1}, "methods": ["a", {"method": "b", "n": 2}], "by_kind": {"norm": "average"}, "anything": [1, {"z": null}]})");
  CHECK_FALSE(all.flag);
  CHECK(all.count == 5);
  CHECK(all.small == 4000000000u);
  CHECK(all.rate == 1.0);
  CHECK(all.text == "y");
  CHECK(all.scale == 1.5);
  CHECK(all.maybe->steps == 2);
  CHECK(all.maybe->domain == "code");
  CHECK(all.weights == std::vector<double>{1.0, 0.5});
  CHECK(all.words == std::vector<std::string>{"ffn"});
  CHECK(all.leaves[1].steps == 4);
  CHECK(all.models[0].first == "b");
  CHECK(all.models[1].second.domain == "scripture");
  CHECK(all.lists[0].second == std::vector<std::int64_t>{3});
  CHECK(all.leaf.steps == 9);
  CHECK(all.method.name == "hash");
  CHECK(*all.method.params.find("salt") == Value(1));
  CHECK(all.methods[1].name == "b");
  CHECK(all.by_kind[0].second.name == "average");
  CHECK(to_json(all.anything) == R"([1,{"z":null}])");
}

TEST_CASE("schema: absent keys keep what the object holds, null resets an optional", "[core][base]") {
  Everything object;
  object.count = 4;
  object.scale = 1.0;
  CHECK(Schema::of<Everything>()->assign(&object, parse_json(R"({"leaf": {"domain": "scripture"}})", "t")).empty());
  CHECK(object.count == 4);
  CHECK(object.scale == 1.0);
  CHECK(object.leaf.steps == 10);
  CHECK(Schema::of<Everything>()->assign(&object, parse_json(R"({"scale": null})", "t")).empty());
  CHECK_FALSE(object.scale);
}

TEST_CASE("schema: writing and reading again gives the same tree", "[core][base]") {
  const auto all = read<Everything>(R"({"maybe": {}, "leaves": [{}], "models": {"a": {}}, "methods": [{"method": "b", "n": [1]}], "by_kind": {"x": "y"}, "scale": 0.25})");
  const std::string text = written(all);
  CHECK(written(read<Everything>(text.c_str())) == text);
  CHECK_THAT(text, Contains(R"("scale":0.25,"maybe":{"steps":10,"domain":"code"},"weights":[1.0])"));
  CHECK_THAT(text, Contains(R"("methods":[{"method":"b","n":[1]}],"by_kind":{"x":{"method":"y"}},"anything":null)"));
  CHECK_THAT(written(Everything{}), Contains(R"("scale":null,"maybe":null)"));
}

TEST_CASE("schema: wrong types are told with what came and what was expected", "[core][base]") {
  CHECK(first_issue<Everything>(R"({"flag": 1})") == "flag: expected true or false, got the number 1");
  CHECK(first_issue<Everything>(R"({"count": 1.5})") == "count: expected an integer, got the number 1.5");
  CHECK(first_issue<Everything>(R"({"rate": "0.5"})") == "rate: expected a number, got the string '0.5'");
  CHECK(first_issue<Everything>(R"({"text": null})") == "text: expected a string, got null");
  CHECK(first_issue<Everything>(R"({"small": -1})") == "small: got -1, which is too large or negative");
  CHECK(first_issue<Everything>(R"({"small": 4294967296})") == "small: got 4294967296, which is too large or negative");
  CHECK(first_issue<Everything>(R"({"leaf": 3})") == "leaf: expected a map of settings, got the number 3");
  CHECK(first_issue<Everything>(R"({"models": ["a"]})") == "models: expected a map of names, got a list of 1");
  CHECK(first_issue<Everything>(R"({"weights": [1, "x"]})") == "weights[1]: expected a number, got the string 'x'");
  CHECK(first_issue<Everything>(R"({"weights": null})") == "weights: expected a number, got null");
  CHECK(first_issue<Everything>(R"({"method": 3})") == "method: expected a method's name or a map with 'method', got the number 3");
  CHECK(first_issue<Everything>(R"({"method": {"method": 3}})") == "method.method: expected a method's name, got the number 3");
  CHECK(first_issue<Everything>(R"({"methods": [{"n": 3}]})") == "methods[0]: expected the key 'method' with a method's name");
  CHECK(first_issue<Everything>("[]") == ": expected a map of settings, got a list of 0");
}

TEST_CASE("schema: ranges and choices hold for every element", "[core][base]") {
  CHECK(first_issue<Everything>(R"({"count": 6})") == "count: got 6, expected between 0 and 5");
  CHECK(first_issue<Everything>(R"({"scale": -0.5})") == "scale: got -0.5, expected between 0 and 2");
  CHECK(first_issue<Everything>(R"({"weights": [1, 2, -3]})") == "weights[2]: got -3, expected at least 0");
  CHECK(first_issue<Everything>(R"({"words": ["ffn", "residul"]})") == "words[1]: got 'residul', expected one of: ffn, residual; did you mean 'residual'?");
  CHECK(first_issue<Everything>(R"({"words": "zzz"})") == "words: got 'zzz', expected one of: ffn, residual");
  CHECK(first_issue<Everything>(R"({"models": {"a": {"steps": 0}}})") == "models.a.steps: got 0, expected at least 1");
  CHECK(first_issue<Everything>(R"({"leaves": [{}, {"domain": "cod"}]})") == "leaves[1].domain: got 'cod', expected one of: code, scripture; did you mean 'code'?");
  CHECK(issues<Everything>(R"({"count": 0, "scale": 2, "weights": 0})").empty());
}

TEST_CASE("schema: unknown and missing keys", "[core][base]") {
  CHECK(first_issue<Everything>(R"({"cuont": 1})") == "cuont: unknown key 'cuont'; did you mean 'count'?");
  CHECK(first_issue<Everything>(R"({"leaf": {"zzzzzz": 1}})") == "leaf.zzzzzz: unknown key 'zzzzzz'; known: steps, domain");
  CHECK(first_issue<Empty>(R"({"x": 1})") == "x: unknown key 'x'; no keys are expected here");
  CHECK(first_issue<Needy>("{}") == ": the key 'name' (of the run) is missing");
  Needy object;
  CHECK(Schema::of<Needy>()->assign(&object, parse_json(R"({"nam": 1})", "t"))[0].about_key);
}

TEST_CASE("schema: all mistakes are collected and from_value throws them as lines", "[core][base]") {
  CHECK_THROWS_AS(read<Everything>(R"({"count": 6})"), ConfigError);
  CHECK_THROWS_WITH(read<Everything>(R"({"count": 6, "x": 1, "leaf": {"steps": "a"}})"),
                    Equals("test: count: got 6, expected between 0 and 5\n"
                           "test: x: unknown key 'x'; known: flag, count, small, rate, text, scale, maybe, weights, words, leaves, models, lists and 5 more\n"
                           "test: leaf.steps: expected an integer, got the string 'a'"));
}

TEST_CASE("schema: keys that are not core's go to the method beside them", "[core][base]") {
  const auto holder = read<Holder>(R"({"router": {"method": "switch", "init": "ridge", "capacity": 2}})");
  CHECK(holder.router.method.name == "switch");
  CHECK(holder.router.init == "ridge");
  CHECK(to_json(holder.router.method.params) == R"({"capacity":2})");
  CHECK(written(holder) == R"({"router":{"method":"switch","capacity":2,"init":"ridge"},"others":{}})");
  CHECK(written(read<Holder>(written(holder).c_str())) == written(holder));
  const auto bare = read<Holder>(R"({"router": "hash"})");
  CHECK(bare.router.method == Method{"hash", ValueMap{}});
  CHECK(bare.router.init == "uniform");
}

TEST_CASE("schema: a method keeps its parameters under its own name and drops them under another", "[core][base]") {
  CHECK(to_json(read<Holder>(R"({"router": {"balance": 0.1}})").router.method.params) == R"({"k":2,"balance":0.1})");
  CHECK(to_json(read<Holder>(R"({"router": {"method": "top_k", "balance": 0.1}})").router.method.params) == R"({"k":2,"balance":0.1})");
  CHECK(to_json(read<Holder>(R"({"router": {"method": "hash"}})").router.method.params) == "{}");
  CHECK(to_json(read<Holder>(R"({"router": "top_k"})").router.method.params) == "{}");
  CHECK(read<Holder>(R"({"router": {"init": "ridge"}})").router.method.name == "top_k");
  CHECK(first_issue<Holder>(R"({"others": {"a": {"init": "ridge"}}})") == "others.a: expected the key 'method' with a method's name");
  CHECK(first_issue<Holder>(R"({"router": {"method": [], "init": "x"}})") == "router.method: expected a method's name, got a list of 0");
}

TEST_CASE("schema: every plugin choice is visited with its category and path", "[core][base]") {
  auto all = read<Everything>(R"({"methods": ["a", "b"], "by_kind": {"norm": "average"}})");
  std::vector<std::string> seen;
  const MethodVisitor visit = [&](const std::string& category, Method& method, std::vector<std::string> path) {
    seen.push_back(fmt::format("{} {} at {}", category, method.name, path_text(path)));
    method.name += "!";
  };
  Schema::of<Everything>()->visit_methods(&all, visit);
  CHECK(seen == std::vector<std::string>{"router top_k at method", "eval a at methods[0]", "eval b at methods[1]", "fusion average at by_kind.norm"});
  CHECK(all.methods[1].name == "b!");
  seen.clear();
  auto holder = read<Holder>(R"({"others": {"x": "hash"}})");
  Schema::of<Holder>()->visit_methods(&holder, visit);
  CHECK(seen == std::vector<std::string>{"router top_k at router", "router hash at others.x"});
}

TEST_CASE("schema: built once, described with nested structs", "[core][base]") {
  CHECK(Schema::of<Leaf>() == Schema::of<Leaf>());
  CHECK(describe_schema(*Schema::of<Holder>()) ==
        "router: settings: the router\n"
        "  method: method (router plugin), default {\"method\":\"\"}: how tokens choose experts\n"
        "  init: string, default \"uniform\": initialisation\n"
        "others: map of settings: more\n"
        "  method: method (router plugin), default {\"method\":\"\"}: how tokens choose experts\n"
        "  init: string, default \"uniform\": initialisation\n");
  CHECK(describe_schema(*Schema::of<Leaf>(), 2) ==
        "  steps: integer in steps, default 10, at least 1: optimiser steps\n"
        "  domain: string, default \"code\", one of: code, scripture: training text\n");
  CHECK(describe_schema(*Schema::of<Needy>()) == "name: string, required: of the run\n");
}
