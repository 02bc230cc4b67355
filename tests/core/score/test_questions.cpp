// Questions: how prompts are put together, which examples are shown, and that neither order nor limit changes them.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/score/questions.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

std::string answer_of(const Value& row, std::string_view) { return row.find("a")->as_string(); }

std::vector<Value> numbered(int count) {
  std::string text;
  for (int row = 0; row < count; ++row) text += fmt::format("{{\"q\": \"q{0}\", \"a\": \"a{0}\", \"g\": \"{1}\"}}\n", row, row % 2 ? "odd" : "even");
  return read_json_lines(text, "numbered");
}

QuestionSettings settings_for(std::int64_t shots, const std::string& order = "first") {
  QuestionSettings settings;
  settings.task = std::string("t");
  settings.prompt = std::string("{q}:");
  settings.shots = shots;
  settings.order = order;
  return settings;
}

std::vector<std::string> prompts(const QuestionSettings& settings, const std::vector<Value>& rows, const std::vector<Value>* examples = nullptr) {
  std::vector<std::string> result;
  for (const AskedQuestion& question : make_questions(settings, rows, examples, answer_of, "test")) result.push_back(question.prompt);
  return result;
}

}  // namespace

TEST_CASE("questions: a prompt is description, worked examples, question", "[core][score]") {
  QuestionSettings settings = settings_for(2);
  settings.description = "Do this.\n\n";
  const auto examples = read_json_lines("{\"q\": \"x\", \"a\": \"1\"}\n\n{\"q\": \"y\", \"a\": \"2\"}\r\n", "examples");
  REQUIRE(examples.size() == 2);
  CHECK(prompts(settings, numbered(1), &examples) == std::vector<std::string>{"Do this.\n\nx: 1\n\ny: 2\n\nq0:"});
}

TEST_CASE("questions: none is among its own examples", "[core][score]") {
  CHECK(prompts(settings_for(1), numbered(3)) == std::vector<std::string>{"q1: a1\n\nq0:", "q0: a0\n\nq1:", "q0: a0\n\nq2:"});
  for (const std::string& prompt : prompts(settings_for(4, "random"), numbered(5))) {
    CAPTURE(prompt);
    const std::string_view text = prompt, own = text.substr(text.rfind('q'));
    CHECK(text.find(own) == text.size() - own.size());
  }
}

TEST_CASE("questions: drawn examples depend on seed and place alone", "[core][score]") {
  const auto rows = numbered(30);
  QuestionSettings settings = settings_for(3, "random");
  const auto all = prompts(settings, rows);
  settings.items = 7;
  CHECK(prompts(settings, rows) == std::vector<std::string>(all.begin(), all.begin() + 7));
  settings.items = 0, settings.seed = 5;
  CHECK(prompts(settings, rows) != all);
}

TEST_CASE("questions: examples come from the question's own group", "[core][score]") {
  QuestionSettings settings = settings_for(1);
  settings.group = "{g}";
  CHECK(prompts(settings, numbered(4)) == std::vector<std::string>{"q2: a2\n\nq0:", "q3: a3\n\nq1:", "q0: a0\n\nq2:", "q1: a1\n\nq3:"});
  settings.shots = 2;
  CHECK_THROWS_WITH(prompts(settings, numbered(4)), Contains("task 't', row 1: got 1 rows for worked examples, expected at least the 2 shots"));
}

TEST_CASE("questions: a line that is no object is named", "[core][score]") {
  CHECK_THROWS_WITH(read_json_lines("{}\n[1]\n", "d.jsonl"), Contains("d.jsonl, line 2: got a list of 1, expected one JSON object a line"));
  CHECK_THROWS_WITH(read_json_lines("{}\n\n{\"a\": }\n", "d.jsonl"), Contains("d.jsonl, line 3"));
  CHECK_THROWS_WITH(prompts(settings_for(0), {}), Contains("task 't' has no questions"));
}
