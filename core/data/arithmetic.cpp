// Problems by operation, their division, and the two texts.
#include "core/data/arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.hpp"
#include "core/base/random.hpp"

namespace symphony {

namespace {

struct Problem {
  std::int64_t left, right;
  char sign;
};

std::string line_of(const Problem& problem, bool reversed) {
  const auto [left, right, sign] = problem;
  std::string answer = std::to_string(sign == '+' ? left + right : sign == '-' ? left - right : left * right);
  if (reversed) std::reverse(answer.begin(), answer.end());
  return fmt::format("{}{}{}={}\n", left, sign, right, answer);
}

/// Pairs with left >= right, so that a problem and its mirror stay together.
std::vector<Problem> pairs(char sign, std::int64_t largest) {
  std::vector<Problem> result;
  for (std::int64_t left = 0; left <= largest; ++left)
    for (std::int64_t right = 0; right <= left; ++right) result.push_back({left, right, sign});
  return result;
}

void add_with_mirror(const Problem& problem, std::vector<Problem>& problems) {
  problems.push_back(problem);
  if (problem.sign != '-' && problem.left != problem.right) problems.push_back({problem.right, problem.left, problem.sign});
}

std::string shuffled_text(const std::vector<Problem>& problems, bool reversed, Random& random) {
  std::string text;
  for (const std::int64_t problem : random.permutation(static_cast<std::int64_t>(problems.size()))) text += line_of(problems[static_cast<std::size_t>(problem)], reversed);
  return text;
}

}  // namespace

void ArithmeticRecipe::describe(Schema& s) {
  s.field<&ArithmeticRecipe::operations>("operations", "what is computed").one_of({"add", "subtract", "multiply"});
  s.field<&ArithmeticRecipe::largest>("largest", "largest operand; the smallest is 0").range(2, 999);
  s.field<&ArithmeticRecipe::reversed>("reversed", "answers are written from their last digit, which tiny models learn sooner");
  s.field<&ArithmeticRecipe::seed>("seed", "of which problems are held out, and of every order").at_least(0);
}

ArithmeticText arithmetic_text(const ArithmeticRecipe& recipe, double held_out, std::size_t max_bytes, const std::string& where) {
  const std::set<std::string> distinct(recipe.operations.begin(), recipe.operations.end());
  if (distinct.empty() || distinct.size() != recipe.operations.size()) fail<ConfigError>(where, "arithmetic needs at least one operation, each once");
  Random random(static_cast<std::uint64_t>(recipe.seed), "domain.arithmetic");
  std::vector<Problem> training, kept;
  for (const std::string& operation : recipe.operations) {
    const std::vector<Problem> all = pairs(operation == "add" ? '+' : operation == "subtract" ? '-' : '*', recipe.largest);
    const auto share = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(held_out * static_cast<double>(all.size()))));
    const auto order = random.permutation(static_cast<std::int64_t>(all.size()));
    for (std::size_t place = 0; place < order.size(); ++place) add_with_mirror(all[static_cast<std::size_t>(order[place])], place < share ? kept : training);
  }
  ArithmeticText text{{}, shuffled_text(kept, recipe.reversed, random)};
  const std::size_t room = max_bytes - std::min(max_bytes, text.held_out.size());
  while (text.training.size() < room) text.training += shuffled_text(training, recipe.reversed, random);
  const std::size_t end = room == 0 ? std::string::npos : text.training.rfind('\n', room - 1);
  if (end == std::string::npos) fail<DataError>(where, "held-out arithmetic alone has {} bytes, expected less than max_bytes, {}", text.held_out.size(), max_bytes);
  text.training.resize(end + 1);
  return text;
}

}  // namespace symphony
