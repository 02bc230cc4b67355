// Templates: fields, paths, filters, lists, and what is refused.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/score/prompt_template.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

std::string filled(const std::string& text, const std::string& row) { return PromptTemplate(text, "t").fill(parse_json(row, "row"), "row 1"); }

std::vector<std::string> listed(const std::string& text, const std::string& row) {
  return PromptTemplate(text, "t").fill_list(parse_json(row, "row"), "row 1");
}

}  // namespace

TEST_CASE("prompt template: fields, paths and braces are filled in", "[core][score]") {
  const std::string row = R"({"question": "Why?", "choices": {"text": ["a", "b"], "n": 2}, "flag": true, "half": 0.5})";
  CHECK(filled("Question: {question}\nAnswer:", row) == "Question: Why?\nAnswer:");
  CHECK(filled("{choices.text.1}{choices.text.0}", row) == "ba");
  CHECK(filled("{choices.n} {flag} {half}", row) == "2 true 0.5");
  CHECK(filled("{{{question}}} {{}}", row) == "{Why?} {}");
  CHECK(filled("", row).empty());
}

TEST_CASE("prompt template: filters apply from left to right", "[core][score]") {
  CHECK(filled("{a|strip|upper}!", R"({"a": "  x y \n"})") == "X Y!");
  CHECK(filled("{a|capitalize}", R"({"a": "heLLO World"})") == "Hello world");
  CHECK(filled("{a|lower}", "{\"a\": \"\xC3\x84 B\"}") == "\xC3\x84 b");  // only ASCII letters have case here
}

TEST_CASE("prompt template: WikiHow's marks go as in HellaSwag", "[core][score]") {
  // By hand after hellaswag/utils.py of lm-evaluation-harness: strip, " [title]" -> ". ", \[.*?\] -> "", "  " -> " ".
  CHECK(filled("{a|unmark}", R"({"a": " Do it [title] Then [step] stop  now "})") == "Do it. Then stop now");
  CHECK(filled("{a|unmark}", R"({"a": "open [ here"})") == "open [ here");
  CHECK(filled("{a|unmark}", R"({"a": "a [x\ny] b [z] c"})") == "a [x\ny] b c");
}

TEST_CASE("prompt template: a field with a list gives one text an element", "[core][score]") {
  const std::string row = R"({"choices": ["x ", "y "], "one": "z"})";
  CHECK(listed("{choices}", row) == std::vector<std::string>{"x ", "y "});
  CHECK(listed("{choices|strip}", row) == std::vector<std::string>{"x", "y"});
  CHECK(listed("{one}", row) == std::vector<std::string>{"z"});
  CHECK(listed("A", row) == std::vector<std::string>{"A"});
}

TEST_CASE("prompt template: what cannot be meant is refused", "[core][score]") {
  CHECK_THROWS_WITH(PromptTemplate("{a", "t"), Contains("t: the template '{a' has a '{' without '}'"));
  CHECK_THROWS_WITH(PromptTemplate("a}", "t"), Contains("has a '}' without '{'"));
  CHECK_THROWS_WITH(PromptTemplate("{}", "t"), Contains("got the field ''"));
  CHECK_THROWS_WITH(PromptTemplate("{a..b}", "t"), Contains("got the field 'a..b'"));
  CHECK_THROWS_WITH(PromptTemplate("{a|stripp}", "t"), Contains("unknown filter 'stripp' in a template; did you mean 'strip'?"));
  CHECK_THROWS_WITH(filled("{questoin}", R"({"question": "Why?"})"), Contains("row 1: no field 'questoin'") && Contains("did you mean 'question'?"));
  CHECK_THROWS_WITH(filled("x {a}", R"({"a": [1, 2]})"), Contains("the field 'a' is a list of 2, expected text or a number"));
  CHECK_THROWS_WITH(filled("{a.5}", R"({"a": [1, 2]})"), Contains("no field 'a.5'"));
}
