// YAML text into marked trees: places, meanings of scalars, and everything that is refused.
#include <catch2/catch.hpp>

#include <chrono>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/config/document.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {
Node doc(std::string_view text) { return parse_document(text, "a.yaml"); }
Value scalar(std::string_view text) { return doc(fmt::format("k: {}", text)).find("k")->value.scalar; }
std::string refusal(std::string_view text) {
  try {
    doc(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("document: every key and value knows its line and column", "[core][config]") {
  const Node root = doc("a: 1\nbc:\n  d: [x, yy]\n  e:\n    - {f: 2}\n");
  CHECK(root.find("a")->key_mark.text() == "a.yaml:1:1");
  CHECK(root.find("a")->value.mark.text() == "a.yaml:1:4");
  const Node& bc = root.find("bc")->value;
  CHECK(root.find("bc")->key_mark.text() == "a.yaml:2:1");
  CHECK(bc.find("d")->key_mark.text() == "a.yaml:3:3");
  CHECK(bc.find("d")->value.items[1].mark.text() == "a.yaml:3:10");
  CHECK(bc.find("e")->value.items[0].find("f")->key_mark.text() == "a.yaml:5:8");
  CHECK(bc.find("e")->value.items[0].find("f")->value.mark.text() == "a.yaml:5:11");
}

TEST_CASE("document: plain scalars mean what YAML 1.2 says", "[core][config]") {
  CHECK(scalar("true") == Value(true));
  CHECK(scalar("False") == Value(false));
  CHECK(scalar("null") == Value());
  CHECK(scalar("~") == Value());
  CHECK(scalar("") == Value());
  CHECK(scalar("0") == Value(0));
  CHECK(scalar("-17") == Value(-17));
  CHECK(scalar("+5") == Value(5));
  CHECK(scalar("9223372036854775807") == Value(std::int64_t{9223372036854775807}));
  CHECK(scalar("1.0") == Value(1.0));
  CHECK(scalar("1.") == Value(1.0));
  CHECK(scalar("-.5") == Value(-0.5));
  CHECK(scalar("1e-4") == Value(1e-4));
  CHECK(scalar("+1E+3") == Value(1000.0));
  CHECK(scalar("0.1") == Value(0.1));
  for (const char* text : {"1.2.3", "1:30", "2024-01-01", "a b", "n", "e5", ".", "-", "1e", "0x", "nan", "_1", "v1_000", "x.y/z", "--", "=", "12ab"}) {
    CAPTURE(text);
    if (std::string_view(text) == "-") continue;  // a list's dash
    CHECK(scalar(text) == Value(text));
  }
}

TEST_CASE("document: quoted scalars and !!str are strings", "[core][config]") {
  for (const char* text : {"'1'", "\"1\"", "!!str 1", "! 1"}) {
    CAPTURE(text);
    CHECK(scalar(text) == Value("1"));
  }
  CHECK(scalar("'yes'") == Value("yes"));
  CHECK(scalar("\"\"") == Value(""));
  CHECK(scalar("\"a\\n\\u00e9\"") == Value("a\n\xC3\xA9"));
  CHECK(scalar("|\n  two\n  lines\n") == Value("two\nlines\n"));
  CHECK(scalar("'null'") == Value("null"));
}

TEST_CASE("document: scalars that readers take differently are refused with the remedy", "[core][config]") {
  CHECK_THAT(refusal("k: yes"), Equals("a.yaml:1:4: got 'yes', which some readers take for a boolean; write true or false, or put it in quotes"));
  CHECK_THAT(refusal("k: OFF"), Contains("take for a boolean"));
  CHECK_THAT(refusal("k: [1, 0123]"), Contains("a.yaml:1:8: got '0123', a number with a leading zero"));
  CHECK_THAT(refusal("k: 00.5"), Contains("leading zero"));
  CHECK_THAT(refusal("k: 1_000"), Contains("which some readers take for 1000"));
  CHECK_THAT(refusal("k: 0x1F"), Contains("expected a decimal number"));
  CHECK_THAT(refusal("k: 0o17"), Contains("expected a decimal number"));
  CHECK_THAT(refusal("k: .inf"), Contains("expected a finite number"));
  CHECK_THAT(refusal("k: -.INF"), Contains("expected a finite number"));
  CHECK_THAT(refusal("k: .NaN"), Contains("expected a finite number"));
  CHECK_THAT(refusal("k: 9223372036854775808"), Contains("expected an integer of 64 bits"));
  CHECK_THAT(refusal("k: 1e999"), Contains("that a double can hold"));
}

TEST_CASE("document: structure that would lose or hide something is refused with its place", "[core][config]") {
  CHECK_THAT(refusal("a: 1\nb: 2\na: 3\n"), Equals("a.yaml:3:1: duplicate key 'a', first at a.yaml:1:1"));
  CHECK_THAT(refusal("x: {a: 1, 'a': 2}"), Contains("a.yaml:1:11: duplicate key 'a'"));
  CHECK_THAT(refusal("b: &b {x: 1}\na:\n  <<: *b\n"), Contains("a.yaml:3:3: the key '<<', which is not supported; use 'include'"));
  CHECK_THAT(refusal("? [a, b]\n: 1\n"), Contains("a list as a key"));
  CHECK_THAT(refusal("? {a: b}\n: 1\n"), Contains("a map as a key"));
  CHECK_THAT(refusal("~: 1"), Contains("an empty key"));
  CHECK_THAT(refusal("'': 1"), Contains("an empty key"));
  CHECK_THAT(refusal("a: &x b\n*x : 1\n"), Contains("an alias as a key"));
  CHECK_THAT(refusal("a: !thing {b: 1}"), Contains("a.yaml:1:4: the tag '!thing', expected no tag"));
  CHECK_THAT(refusal("a: !!binary aGk="), Contains("the tag"));
  CHECK_THAT(refusal("a: 1\n---\nb: 2\n"), Contains("a second document, expected one document in a file"));
  CHECK_THAT(refusal("a: [1, 2"), Contains("a.yaml:") && Contains("not valid YAML"));
  CHECK_THAT(refusal("a: 1\n b: 2\n"), Contains("a.yaml:2:3: not valid YAML"));
  CHECK_THAT(refusal("a: *nowhere"), Contains("not valid YAML"));
}

TEST_CASE("document: an empty document is an empty map", "[core][config]") {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    CAPTURE(text);
    CHECK(doc(text).is_map());
    CHECK(doc(text).entries.empty());
  }
}

TEST_CASE("document: aliases copy their anchor's value", "[core][config]") {
  const Node root = doc("a: &x {k: [1, 2]}\nb: *x\nc: &y 7\nd: [*y, *x]\n");
  CHECK(root.find("b")->value.value() == root.find("a")->value.value());
  CHECK(root.find("d")->value.items[0].scalar == Value(7));
  CHECK_THAT(refusal("a: &x [1, *x]"), Contains("a.yaml:1:11: an alias to a value that holds it"));
}

TEST_CASE("document: alias bombs and deep nesting end early", "[core][config]") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 12; ++level) {
    bomb += fmt::format("a{}: &a{} [", level, level);
    for (int copy = 0; copy < 10; ++copy) bomb += fmt::format("{}*a{}", copy ? ", " : "", level - 1);
    bomb += "]\n";
  }
  CHECK_THAT(refusal(bomb), Contains("more than 20000 keys and values"));
  // Each alias adds one level to what it refers to: no bracket is deep, the tree would be.
  std::string tower = "a0: &a0 [x]\n";
  for (int level = 1; level < 200; ++level) tower += fmt::format("a{}: &a{} [*a{}]\n", level, level, level - 1);
  CHECK_THAT(refusal(tower), Contains("nested too deeply, expected at most 50 levels"));
  CHECK_THAT(refusal(fmt::format("a: {:[>60}{:]>60}", "", "")), Contains("a.yaml:1:53: nested too deeply"));
  CHECK_THAT(refusal(std::string(100000, '[')), Contains("a.yaml:1:"));
  CHECK(refusal(fmt::format("a: {:[>49}{:]>49}", "", "")) == "accepted");
  std::string wide;
  for (int key = 0; key < 30000; ++key) wide += fmt::format("k{}: 1\n", key);
  CHECK_THAT(refusal(wide), Contains("a.yaml:20000:") && Contains("more than 20000"));
}

TEST_CASE("document: size, control characters and encoding are checked before parsing", "[core][config]") {
  CHECK_THAT(refusal(fmt::format("# {:x>{}}", "", kMaxDocumentBytes)), Contains("a.yaml: is too large, got 1.0 MiB, expected at most 1.0 MiB"));
  CHECK_THAT(refusal("a: 1\nb: \"x\x01\"\n"), Contains("a.yaml:2:6: the byte 0x01"));
  CHECK_THAT(refusal(std::string_view("a: \0", 4)), Contains("a.yaml:1:4: the byte 0x00"));
  CHECK_THAT(refusal("a: \xff\n"), Contains("a.yaml:1:4: the byte 0xff, expected text in UTF-8"));
  CHECK(scalar("\xC3\xA9") == Value("\xC3\xA9"));
}

TEST_CASE("document: escapes that the parser turns into half a character are refused, others are UTF-8", "[core][config]") {
  CHECK(refusal(R"(a: "1\_5")") == R"(a.yaml:1:4: text with the escape \N or \_, expected \u0085 or \u00a0 in its place)");
  CHECK_THAT(refusal(R"(["\N"])"), Contains("a.yaml:1:2: text with the escape"));
  CHECK_THAT(refusal(R"("\_": 1)"), Contains("a.yaml:1:1: text with the escape"));
  CHECK(scalar(R"("\u00a0 \x85 \u0085 \L")") == Value("\xC2\xA0 \xC2\x85 \xC2\x85 \xE2\x80\xA8"));
}

TEST_CASE("document: a file is read under its own name, a missing one is a mistake of the user's", "[core][config]") {
  const ScratchDirectory scratch;
  atomic_write(scratch / "x.yaml", "a: 1\n");
  CHECK(read_document(scratch / "x.yaml").find("a")->key_mark.text() == (scratch / "x.yaml").string() + ":1:1");
  CHECK_THROWS_AS(read_document(scratch / "none.yaml"), ConfigError);
  CHECK_THROWS_WITH(read_document(scratch / "none.yaml"), Contains("none.yaml: cannot be opened"));
}

TEST_CASE("document: mutated text is parsed or refused, never worse", "[core][config]") {
  const std::string good =
      "name: alignment\ninclude: [../a.yaml]\nseeds: [1, 2]\nsources:\n  anchor: &a code\n  models:\n    code: { train: { domain: *a, steps: 167 } }\n"
      "    'q': \"x\\ty\"\n  text: |\n    two\n    lines\nfusion: {norm: average, x: 1.5e-3}\n# comment\nsweep:\n  - ~\n  - !!str 7\n";
  const std::string_view pieces[] = {"&a ", "*a", "<<: ", "? ", "- ", ": ", "{", "}", "[", "]", "\n", "---\n", "...\n", "%TAG ! x\n", "!!map ", "|\n", ">-\n", "\"", "'", "#", "\t", ",", "\xEF\xBB\xBF", "0x", "\\x41", "@", "`", "~"};
  std::size_t refused = 0;
  constexpr std::uint64_t kRounds = 6000;
  for (std::uint64_t seed = 0; seed < kRounds; ++seed) {
    CAPTURE(seed);
    Random random(seed, "yaml fuzz");
    std::string text = good;
    for (std::uint64_t edits = 1 + random.below(5); edits > 0; --edits) {
      const std::size_t at = random.below(text.size() + 1);
      switch (random.below(4)) {
        case 0: text.erase(std::min(at, text.size() - 1), 1 + random.below(6)); break;
        case 1: text.insert(at, pieces[random.below(std::size(pieces))]); break;
        case 2: text.insert(at, 1, static_cast<char>(random.below(256))); break;
        default: text.insert(at, text.substr(random.below(text.size()), random.below(30))); break;
      }
      if (text.empty()) text.push_back('a');
    }
    try {
      doc(text).value();
    } catch (const ConfigError& error) {
      REQUIRE(std::string_view(error.what()).starts_with("a.yaml:"));
      ++refused;
    }
  }
  CHECK(refused > kRounds / 3);
  CHECK(refused < kRounds);
}
