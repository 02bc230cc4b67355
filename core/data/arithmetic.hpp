// Text made of sums, one a line, "23+48=71\n": a domain whose held-out questions have right answers, small enough for tiny models to learn.
//
// Problems are divided, not text: no held-out problem is in the training text, nor is its mirror (48+23, where the operation commutes). The
// training text goes through its problems again and again, each time in another order; the held-out text has every held-out problem once. A
// pure function of its arguments. Reversed answers ("23+48=17") put first the digit that depends on the fewest others (Lee et al. 2023,
// "Teaching arithmetic to small transformers", arXiv 2307.03381).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/schema.hpp"

namespace symphony {

struct ArithmeticRecipe {
  std::vector<std::string> operations{"add"};  ///< add, subtract (never below zero), multiply
  std::int64_t largest = 99;                   ///< operands are 0..largest
  bool reversed = false;                       ///< answers are written from their last digit
  std::int64_t seed = 1;                       ///< of the division and of every order
  static void describe(Schema& s);
};

struct ArithmeticText {
  std::string training, held_out;
};

/// `held_out` is the share of problems kept from training; `max_bytes` limits both parts together, at a line's end. Throws ConfigError for no or
/// repeated operations, and DataError when the limit leaves no room for training.
ArithmeticText arithmetic_text(const ArithmeticRecipe& recipe, double held_out, std::size_t max_bytes, const std::string& where);

}  // namespace symphony
