// Typed settings from marked trees: each mistake at its place, all together; the resolved text and its origins.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/config/bind.hpp"
#include "core/config/document.hpp"
#include "core/config/overrides.hpp"
#include "core/config/resolved.hpp"

using namespace symphony;
using Catch::Matchers::Equals;

namespace {

struct Inner {
  std::int64_t steps = 10;
  std::string domain;
  static void describe(Schema& s) {
    s.field<&Inner::steps>("steps", "optimiser steps").at_least(1);
    s.field<&Inner::domain>("domain", "training text").must_be_given();
  }
};

struct Outer {
  std::string name = "x";
  std::vector<std::int64_t> seeds{1};
  Named<Inner> models;
  Method router{"top_k", ValueMap{}};
  std::optional<double> scale;
  static void describe(Schema& s) {
    s.field<&Outer::name>("name", "of the experiment");
    s.field<&Outer::seeds>("seeds", "root seeds").at_least(0);
    s.field<&Outer::models>("models", "sources");
    s.field<&Outer::router>("router", "the router").plugin("router");
    s.field<&Outer::scale>("scale", "output scale").range(0, 1);
  }
};

Value random_value(Random& random, int depth) {
  const std::string_view texts[] = {"", "a b", "yes", "1", "1.5", "null", "~", "- x", "a: b", "#x", "x #y", "'q'", "\"", "\\", "a\nb\n", "\t", " lead", "trail ", "\x01",
                                    "\xC3\xA9", "\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBF", "---", "...", "<<", "*a", "&a", "!t", "@", "%", "0x1f", "1_0", ".inf", "[", "{", ",", "?", ":", "=", "|", ">", "true", "+1", "-", "1e5", "on"};
  switch (random.below(depth > 0 ? 8 : 5)) {
    case 0: return Value();
    case 1: return Value(random.below(2) == 1);
    case 2: return Value(static_cast<std::int64_t>(random.next_u64()));
    case 3: {
      double number = 0;
      do {
        const std::uint64_t bits = random.next_u64();
        std::memcpy(&number, &bits, sizeof number);
      } while (!std::isfinite(number) || (number != 0 && !std::isnormal(number)));
      return Value(random.below(2) ? number : std::round(100 * random.normal()));
    }
    case 4: return Value(texts[random.below(std::size(texts))]);
    case 5:
    case 6: {
      ValueList list;
      for (std::uint64_t left = random.below(4); left > 0; --left) list.push_back(random_value(random, depth - 1));
      return Value(list);
    }
    default: {
      ValueMap map;
      const std::string_view keys[] = {"a", "1", "true", "with space", "x:y", "null", "\xC3\xA9", "-"};
      for (std::uint64_t key_idx = random.below(8); key_idx < std::size(keys); key_idx += 1 + random.below(4))
        map.emplace_back(keys[key_idx], random_value(random, depth - 1));
      return Value(map);
    }
  }
}

}  // namespace

TEST_CASE("bind: a document becomes a typed struct, absent keys keep defaults", "[core][config]") {
  const Outer outer = bind<Outer>(parse_document("seeds: 3\nmodels:\n  b: {domain: code}\n  a: {domain: text, steps: 5}\nrouter: {method: hash, salt: 1}\n", "a.yaml"));
  CHECK(outer.name == "x");
  CHECK(outer.seeds == std::vector<std::int64_t>{3});
  CHECK(outer.models[0].first == "b");
  CHECK(outer.models[0].second.steps == 10);
  CHECK(outer.models[1].second.steps == 5);
  CHECK(outer.router.name == "hash");
  CHECK(*outer.router.params.find("salt") == Value(1));
}

TEST_CASE("bind: every mistake is told at its place, in the order of the file", "[core][config]") {
  const Node root = parse_document(
      "nam: x\n"
      "models:\n"
      "  code: {domain: code, stepps: 3}\n"
      "  text:\n"
      "    steps: 0\n"
      "seeds: [1, x, -1]\n"
      "scale: 2\n",
      "a.yaml");
  try {
    bind<Outer>(root);
    FAIL("accepted");
  } catch (const ConfigError& error) {
    CHECK_THAT(error.what(), Equals("a.yaml:1:1: nam: unknown key 'nam'; did you mean 'name'?\n"
                                    "a.yaml:3:24: models.code.stepps: unknown key 'stepps'; did you mean 'steps'?\n"
                                    "a.yaml:4:3: models.text: the key 'domain' (training text) is missing\n"
                                    "a.yaml:5:12: models.text.steps: got 0, expected at least 1\n"
                                    "a.yaml:6:12: seeds[1]: expected an integer, got the string 'x'\n"
                                    "a.yaml:6:15: seeds[2]: got -1, expected at least 0\n"
                                    "a.yaml:7:8: scale: got 2, expected between 0 and 1\n"
                                    "7 mistakes"));
  }
}

TEST_CASE("bind: a single mistake needs no count, one from an override names it", "[core][config]") {
  Node root = parse_document("name: x\nscale: 0.5\n", "a.yaml");
  apply_override(root, "scale=3");
  CHECK_THROWS_WITH(bind<Outer>(root), Equals("override 'scale=3': scale: got 3, expected between 0 and 1"));
  CHECK_THROWS_WITH(bind<Outer>(parse_document("- 1\n", "a.yaml")), Equals("a.yaml:1:1: expected a map of settings, got a list of 1"));
}

TEST_CASE("bind: mistakes of a method's own schema stand at its parameters", "[core][config]") {
  const Node root = parse_document("router:\n  method: hash\n  salt: x\nfusion: [a, {method: b, t: 3}]\nalignment: none\n", "a.yaml");
  Mistakes mistakes;
  mistakes.add(root, {{"salt"}, "bad value", false}, {"router"});
  mistakes.add(root, {{"salt"}, "unknown", true}, {"router"});
  mistakes.add(root, {{"t"}, "too large", false}, {"fusion", "1"});
  mistakes.add(root, {{}, "lacks 'x'", true}, {"router"});
  mistakes.add(root, {{"scope"}, "needs a scope", false}, {"alignment"});
  mistakes.add(root, {{"scope"}, "needs a scope", false}, {"alignment"});
  CHECK(mistakes.lines() == std::vector<std::string>{
                                "a.yaml:1:1: router: lacks 'x'",
                                "a.yaml:3:3: router.salt: unknown",
                                "a.yaml:3:9: router.salt: bad value",
                                "a.yaml:4:28: fusion[1].t: too large",
                                "a.yaml:5:12: alignment.scope: needs a scope",
                            });
}

TEST_CASE("resolved: the text reads back to the same value", "[core][config]") {
  const Outer outer = bind<Outer>(parse_document("models: {a: {domain: 'yes'}}\nseeds: [1, 2]\nrouter: hash\n", "a.yaml"));
  const Value value = Schema::of<Outer>()->read(&outer);
  CHECK(to_yaml(value) == "name: x\nseeds: [1, 2]\nmodels:\n  a:\n    steps: 10\n    domain: \"yes\"\nrouter:\n  method: hash\nscale: null\n");
  CHECK(parse_document(to_yaml(value), "b.yaml").value() == value);
}

TEST_CASE("resolved: random trees survive writing and reading", "[core][config]") {
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    Random random(seed, "yaml");
    const Value value(ValueMap{{"root", random_value(random, 4)}, {"list", Value(ValueList{random_value(random, 3)})}});
    const std::string text = to_yaml(value);
    CAPTURE(seed, text);
    REQUIRE(parse_document(text, "r.yaml").value() == value);
    REQUIRE(to_yaml(parse_document(text, "r.yaml").value()) == text);
  }
}

TEST_CASE("resolved: long lists and odd text are written readably", "[core][config]") {
  const Value value(ValueMap{{"l", Value(ValueList{Value(std::string(60, 'a')), Value(std::string(60, 'b'))})}, {"e", Value(ValueMap{})}, {"f", Value(2.0)}});
  CHECK(to_yaml(value) == "l:\n  - " + std::string(60, 'a') + "\n  - " + std::string(60, 'b') + "\ne: {}\nf: 2.0\n");
  CHECK_THROWS_AS(to_yaml(Value(std::nan(""))), DataError);
  CHECK_THROWS_AS(to_yaml(Value("\xff")), DataError);
}

TEST_CASE("resolved: every value tells where it came from", "[core][config]") {
  Node root = parse_document("seeds: 3\nmodels: {a: {domain: code}}\nrouter: hash\n", "a.yaml");
  apply_override(root, "+models.a.steps=4");
  const Outer outer = bind<Outer>(root);
  std::vector<std::string> lines;
  for (const Origin& origin : origins(Schema::of<Outer>()->read(&outer), root)) lines.push_back(origin.path + ": " + origin.place);
  CHECK(lines == std::vector<std::string>{
                     "name: default",
                     "seeds[0]: a.yaml:1:8",
                     "models.a.steps: override '+models.a.steps=4'",
                     "models.a.domain: a.yaml:2:22",
                     "router.method: a.yaml:3:9",
                     "scale: default",
                 });
}
