// JSON against hand-written documents, hostile ones, and round trips of random trees.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/random.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

Value random_value(Random& random, int depth) {
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0: return Value();
    case 1: return Value(random.below(2) == 1);
    case 2: return Value(static_cast<std::int64_t>(random.next_u64()));
    case 3: {
      double number = 0;
      do {
        const std::uint64_t bits = random.next_u64();
        std::memcpy(&number, &bits, sizeof number);
      } while (!std::isfinite(number));
      return Value(number);
    }
    case 4: {
      std::string text;
      for (std::uint64_t left = random.below(8); left > 0; --left) text += static_cast<char>(random.below(128));
      return Value(text + (random.below(2) ? "\xC3\xA9\xF0\x9F\x99\x82" : ""));
    }
    case 5: {
      ValueList list;
      for (std::uint64_t left = random.below(4); left > 0; --left) list.push_back(random_value(random, depth - 1));
      return Value(list);
    }
    default: {
      ValueMap map;
      for (std::uint64_t left = random.below(4); left > 0; --left) map.emplace_back(fmt::format("k{}", left), random_value(random, depth - 1));
      return Value(map);
    }
  }
}

}  // namespace

TEST_CASE("json: every kind of value is read, keys in the order written", "[core][base]") {
  const Value value = parse_json(R"({"z": null, "a": [true, -3, 2.5, "x\n\u00e9"], "m": {}})", "test");
  REQUIRE(value.is_map());
  CHECK(value.as_map()[0].first == "z");
  CHECK(value.as_map()[1].first == "a");
  CHECK(value.find("z")->is_null());
  CHECK(*value.find("a") == Value(ValueList{Value(true), Value(-3), Value(2.5), Value("x\n\xC3\xA9")}));
  CHECK(value.find("m")->is_map());
  CHECK(parse_json(" 7 ", "test") == Value(7));
}

TEST_CASE("json: integers of int64 are exact and larger ones are doubles", "[core][base]") {
  CHECK(parse_json("9223372036854775807", "t").as_int() == std::numeric_limits<std::int64_t>::max());
  CHECK(parse_json("-9223372036854775808", "t").as_int() == std::numeric_limits<std::int64_t>::min());
  CHECK(parse_json("9007199254740993", "t").as_int() == 9007199254740993);
  CHECK_FALSE(parse_json("9223372036854775808", "t").is_int());
  CHECK(parse_json("9223372036854775808", "t").as_double() == 9223372036854775808.0);
  CHECK(parse_json("1000000000000000019884624838656", "t").as_double() == 1e30);
  CHECK_FALSE(parse_json("1.0", "t").is_int());
}

TEST_CASE("json: random trees survive writing and reading", "[core][base]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    Random random(seed, "json");
    const Value value = random_value(random, 4);
    REQUIRE(parse_json(to_json(value), "t") == value);
    REQUIRE(parse_json(to_json(value, 2), "t") == value);
  }
}

TEST_CASE("json: the text written", "[core][base]") {
  ValueMap map{{"b", Value(ValueList{Value(1), Value(1.0)})}, {"a", Value("q\"\\\n")}, {"e", Value(ValueList{})}};
  CHECK(to_json(Value(map)) == R"({"b":[1,1.0],"a":"q\"\\\n","e":[]})");
  CHECK(to_json(Value(map), 2) == "{\n  \"b\": [\n    1,\n    1.0\n  ],\n  \"a\": \"q\\\"\\\\\\n\",\n  \"e\": []\n}");
  CHECK(to_json(Value(-0.0)) == "-0.0");
  CHECK(to_json(Value(0.1)) == "0.1");
}

TEST_CASE("json: what JSON cannot hold is refused", "[core][base]") {
  CHECK_THROWS_AS(to_json(Value(std::nan(""))), DataError);
  CHECK_THROWS_AS(to_json(Value(std::numeric_limits<double>::infinity())), DataError);
  CHECK_THROWS_WITH(to_json(Value("\xff")), Contains("is not UTF-8"));
}

TEST_CASE("json: bad text is refused with its place", "[core][base]") {
  CHECK_THROWS_WITH(parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}", "x.json"), Contains("x.json:3:7: not valid JSON") && Contains("expected ':'"));
  CHECK_THROWS_WITH(parse_json("{\n \"a\": 1,\n \"b\": {\"a\": 2},\n \"a\": 3}", "x.json"), Contains("x.json:4:4: duplicate key 'a'"));
  for (const char* text : {"", "{", "[1,]", "01", "nul", "'a'", "1 2", "{a:1}", "NaN", "\"\xff\"", "\"\\ud800\"", "[1}", "1e999", "/*c*/1", "\xEF\xBB\xBF["}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_json(text, "x"), DataError);
  }
}

TEST_CASE("json: hostile nesting is refused, not recursed into", "[core][base]") {
  CHECK_THROWS_WITH(parse_json(std::string(1000000, '['), "x"), Contains("x:1:101: nested too deeply, expected at most 100 levels"));
  std::string objects;
  for (int level = 0; level < 100000; ++level) objects += "{\"a\":";
  CHECK_THROWS_AS(parse_json(objects, "x"), DataError);
  CHECK_NOTHROW(parse_json(std::string(100, '[') + std::string(100, ']'), "x"));
}

TEST_CASE("json: an object of 200000 keys is read in linear time", "[core][base]") {
  std::string text = "{";
  for (int key = 0; key < 200000; ++key) text += fmt::format("{}\"{}\":{}", key ? "," : "", key, key);
  const Value value = parse_json(text + "}", "x");
  CHECK(value.as_map().size() == 200000);
  CHECK(value.as_map().back().second == Value(199999));
}

TEST_CASE("json: mutated documents are read or refused, never worse", "[core][base]") {
  const std::string good = R"({"a": [1, 2.5e3, true, null, "x\u00e9"], "b": {"c": {"d": []}}})";
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Random random(seed, "json fuzz");
    std::string text = good;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(text.size());
      if (random.below(3) == 0) text.erase(at, 1 + random.below(3));
      else text[at] = static_cast<char>(random.below(256));
      if (text.empty()) text.push_back(' ');
    }
    try {
      parse_json(text, "fuzz");
    } catch (const DataError&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}
