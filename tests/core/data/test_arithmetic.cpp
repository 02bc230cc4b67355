// The arithmetic domain: every line is right, and nothing held out is ever trained on, mirrored or not.
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <sstream>

#include "core/base/error.hpp"
#include "core/data/arithmetic.hpp"
#include "core/data/domain.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

struct Line {
  long left = 0, right = 0;
  char sign = 0;
  std::string answer;
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    Line one;
    char equals = 0;
    std::istringstream(line) >> one.left >> one.sign >> one.right >> equals >> one.answer;
    REQUIRE(equals == '=');
    lines.push_back(one);
  }
  return lines;
}

long value_of(const Line& line) { return line.sign == '+' ? line.left + line.right : line.sign == '-' ? line.left - line.right : line.left * line.right; }

/// Left and right in order of size where the operation commutes.
std::string problem_of(const Line& line) {
  const bool mirrored = line.sign != '-' && line.left < line.right;
  return fmt::format("{}{}{}", mirrored ? line.right : line.left, line.sign, mirrored ? line.left : line.right);
}

ArithmeticRecipe all_operations(std::int64_t largest) {
  ArithmeticRecipe recipe;
  recipe.operations = {"add", "subtract", "multiply"};
  recipe.largest = largest;
  return recipe;
}

}  // namespace

TEST_CASE("arithmetic: every answer is right, reversed or not", "[core][data]") {
  for (const bool reversed : {false, true}) {
    CAPTURE(reversed);
    ArithmeticRecipe recipe = all_operations(40);
    recipe.reversed = reversed;
    const ArithmeticText text = arithmetic_text(recipe, 0.1, 60'000, "test");
    for (const std::string& part : {text.training, text.held_out}) {
      REQUIRE(part.back() == '\n');
      for (const Line& line : lines_of(part)) {
        const std::string answer = reversed ? std::string(line.answer.rbegin(), line.answer.rend()) : line.answer;
        REQUIRE(std::to_string(value_of(line)) == answer);
      }
    }
  }
}

TEST_CASE("arithmetic: training and held-out problems are disjoint and complete, mirrors included", "[core][data]") {
  const ArithmeticText text = arithmetic_text(all_operations(20), 0.2, 200'000, "test");
  std::set<std::string> trained, held_out;
  std::map<std::string, int> times;
  for (const Line& line : lines_of(text.training)) trained.insert(problem_of(line));
  for (const Line& line : lines_of(text.held_out)) {
    held_out.insert(problem_of(line));
    ++times[fmt::format("{}{}{}", line.left, line.sign, line.right)];
  }
  for (const std::string& problem : held_out) CHECK_FALSE(trained.contains(problem));
  CHECK(trained.size() + held_out.size() == 3 * 21 * 22 / 2);
  CHECK(held_out.size() == 3 * 46);  // a fifth of 231 pairs of each operation
  for (const auto& [problem, count] : times) {
    CAPTURE(problem);
    CHECK(count == 1);
  }
}

TEST_CASE("arithmetic: a seed decides everything, and the limit holds", "[core][data]") {
  ArithmeticRecipe recipe;
  const ArithmeticText first = arithmetic_text(recipe, 0.1, 50'000, "test");
  CHECK(arithmetic_text(recipe, 0.1, 50'000, "test").training == first.training);
  CHECK(first.training.size() + first.held_out.size() <= 50'000);
  CHECK(first.training.size() + first.held_out.size() > 49'980);
  recipe.seed = 2;
  CHECK(arithmetic_text(recipe, 0.1, 50'000, "test").held_out != first.held_out);
  CHECK_THROWS_WITH(arithmetic_text(recipe, 0.1, 500, "test"), Contains("expected less than max_bytes, 500"));
  recipe.operations = {"add", "add"};
  CHECK_THROWS_WITH(arithmetic_text(recipe, 0.1, 50'000, "test"), Contains("each once"));
}

TEST_CASE("arithmetic: a recipe makes a domain of it, and of nothing else at once", "[core][data]") {
  DomainRecipe recipe = from_value<DomainRecipe>(ValueMap{{"arithmetic", ValueMap{{"largest", 30}}}, {"max_bytes", 20'000}}, "test");
  const DomainText text = read_domain("sums", recipe);
  CHECK(text.training.size() + text.held_out.size() <= 20'000);
  CHECK(text.sha256.size() == 64);
  CHECK(lines_of(text.held_out).size() > 20);
  recipe.files = {"/tmp/*"};
  CHECK_THROWS_WITH(read_domain("sums", recipe), Contains("expected exactly one of them"));
}
