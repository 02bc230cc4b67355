// Student's t distribution by the incomplete beta function: P(|T| > t) = I_x(v/2, 1/2), x = v / (v + t^2). The continued fraction of I_x is
// that of DLMF 8.17.22, evaluated by Lentz's algorithm as modified by Thompson and Barnett (1986); quantiles by bisection, which cannot miss.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

namespace {

/// Coefficient d_m of the continued fraction 1 / (1 + d_1 / (1 + d_2 / (1 + ...))).
double coefficient(int term, double a, double b, double x) {
  const double m = term / 2;
  if (term % 2 == 0) return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
  return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
}

double continued_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr double kEnough = 1e-15;
  constexpr int kMostTerms = 10'000;
  double value = 1.0, upper = 1.0, lower = 0.0;
  for (int term = 1; term <= kMostTerms; ++term) {
    const double d = coefficient(term, a, b, x);
    lower = 1.0 + d * lower;
    if (std::abs(lower) < kTiny) lower = kTiny;
    lower = 1.0 / lower;
    upper = 1.0 + d / upper;
    if (std::abs(upper) < kTiny) upper = kTiny;
    value *= upper * lower;
    if (std::abs(upper * lower - 1.0) < kEnough) return 1.0 / value;
  }
  fail<NumericError>("incomplete beta", "no convergence for a {}, b {}, x {}", a, b, x);
}

/// P(T > t) for t >= 0.
double upper_tail(double t, double degrees_of_freedom) {
  return 0.5 * incomplete_beta(0.5 * degrees_of_freedom, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t));
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0) || x > 1) fail<DataError>("incomplete beta", "got a {}, b {}, x {}, expected a, b > 0 and x in [0, 1]", a, b, x);
  if (x == 0 || x == 1) return x;
  if (x > (a + 1) / (a + b + 2)) return 1.0 - incomplete_beta(b, a, 1.0 - x);  // where the fraction converges fast
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(log_front) / a * continued_fraction(a, b, x);
}

double student_t_cdf(double t, double degrees_of_freedom) {
  if (std::isinf(t)) return t > 0 ? 1.0 : 0.0;
  return t >= 0 ? 1.0 - upper_tail(t, degrees_of_freedom) : upper_tail(-t, degrees_of_freedom);
}

double student_t_quantile(double probability, double degrees_of_freedom) {
  if (!(probability > 0) || !(probability < 1) || !(degrees_of_freedom > 0))
    fail<DataError>("student t", "got probability {} and {} degrees of freedom, expected (0, 1) and more than 0", probability, degrees_of_freedom);
  if (probability == 0.5) return 0.0;
  const double tail = std::min(probability, 1.0 - probability);
  double low = 0.0, high = 1.0;
  while (upper_tail(high, degrees_of_freedom) > tail) high *= 2;
  while (true) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;  // neighbouring doubles
    (upper_tail(middle, degrees_of_freedom) > tail ? low : high) = middle;
  }
  return probability > 0.5 ? high : -high;
}

Interval t_interval(const Estimate& estimate, double confidence) {
  if (estimate.n < 2) fail<DataError>("interval", "got {} units, expected at least 2", estimate.n);
  const double reach = student_t_quantile(0.5 + 0.5 * confidence, static_cast<double>(estimate.n - 1)) * estimate.std_error;
  return {estimate.mean - reach, estimate.mean + reach};
}

double half_width(const Estimate& estimate, double confidence) {
  const Interval interval = t_interval(estimate, confidence);
  return (interval.high - interval.low) / 2;
}

double t_test_p(const Estimate& estimate) {
  if (estimate.n < 2) fail<DataError>("t test", "got {} units, expected at least 2", estimate.n);
  if (estimate.std_error == 0) return estimate.mean == 0 ? 1.0 : 0.0;
  return 2.0 * upper_tail(std::abs(estimate.mean / estimate.std_error), static_cast<double>(estimate.n - 1));
}

}  // namespace symphony
