// What suites and tables share: means with standard errors, intervals, corrected information measures. Sums in float64; deterministic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace symphony {

/// A mean and how well n units determine it. With one unit the standard error is NaN.
struct Estimate {
  double mean = 0.0;
  double std_error = 0.0;
  std::int64_t n = 0;
};

/// Sample standard deviation / sqrt(n). Throws DataError for no values.
Estimate mean_of(std::span<const double> values);
/// mean_of(left - right), unit by unit. Throws DataError when the numbers of units differ.
Estimate paired_difference(std::span<const double> left, std::span<const double> right);
/// sum(numerators) / sum(denominators), error by linearisation (Cochran 1977, Sampling Techniques, eq. 2.39 without the finite-population factor).
Estimate ratio_of(std::span<const double> numerators, std::span<const double> denominators);
/// The unweighted mean of independent estimates, their errors propagated; n is the sum. Measurements of the same units are not independent: see
/// mean_by_unit.
Estimate mean_of_estimates(std::span<const Estimate> estimates);
/// Unit by unit the mean of several measurements of the same units, [measurement][unit]. mean_of it is the mean of all of them with an error that
/// more measurements of the same text do not shrink. Throws DataError for no measurements and for different numbers of units.
std::vector<double> mean_by_unit(std::span<const std::vector<double>> measurements);
/// Standard error of a statistic of units that were drawn stratum by stratum (windows within their domain), by the jackknife: `without`[stratum][unit]
/// is the statistic without that unit, where the n - 1 others of its stratum count n / (n - 1) times, so that strata keep their weights.
/// sqrt(sum_h (n_h - 1) / n_h sum_i (without_hi - mean_i without_hi)^2); NaN for a stratum of one unit.
/// Source: Jones 1974, Jackknife estimation of functions of stratum means, Biometrika 61, 343.
double jackknife_error(std::span<const std::vector<double>> without);

struct Interval {
  double low = 0.0, high = 0.0;
};
/// Student's t interval with n - 1 degrees of freedom. Throws DataError for n < 2.
Interval t_interval(const Estimate& estimate, double confidence = 0.95);
/// What stands after +-: half of t_interval's width.
double half_width(const Estimate& estimate, double confidence = 0.95);
/// Two-sided p of mean = 0 under Student's t with n - 1 degrees of freedom; 1 when mean and error are both 0.
double t_test_p(const Estimate& estimate);

/// P(T <= t) and its inverse, absolute error below 1e-10; any degrees of freedom > 0.
double student_t_cdf(double t, double degrees_of_freedom);
double student_t_quantile(double probability, double degrees_of_freedom);
/// The regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x);

/// -sum p ln p of counts (any non-negative numbers), nats; 0 for no counts.
double entropy_nats(std::span<const double> counts);

struct MutualInformation {
  double plug_in = 0.0;    ///< nats
  double corrected = 0.0;  ///< less the Miller-Madow bias (R - 1)(C - 1) / (2 n), R and C the occupied rows and columns
};
/// Of a table of counts with `columns` columns, row-major.
MutualInformation mutual_information(std::span<const double> counts, std::size_t columns);

/// Holm's step-down adjusted p values, in the order given (Holm 1979): reject where adjusted <= alpha.
std::vector<double> holm_adjusted(std::span<const double> p_values);

}  // namespace symphony
