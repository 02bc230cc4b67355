// Means, ratios, the jackknife, information measures and Holm's correction; formulas beside the declarations.
#include "core/score/estimators.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.hpp"

namespace symphony {

namespace {

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// sqrt(n / (n - 1) * sum of squares) : the factor that makes residuals about a fitted mean unbiased, for the sum of n of them.
double error_of_sum(double sum_of_squares, std::size_t count) {
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(count);
  return std::sqrt(n / (n - 1.0) * sum_of_squares);
}

void expect_pairs(const char* where, std::size_t left, std::size_t right) {
  if (left != right) fail<DataError>(where, "got {} and {} units, expected the same units on both sides", left, right);
}

}  // namespace

Estimate mean_of(std::span<const double> values) {
  if (values.empty()) fail<DataError>("mean", "got no values");
  const auto n = static_cast<double>(values.size());
  const double mean = sum_of(values) / n;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, error_of_sum(squares, values.size()) / n, static_cast<std::int64_t>(values.size())};
}

Estimate paired_difference(std::span<const double> left, std::span<const double> right) {
  expect_pairs("paired difference", left.size(), right.size());
  std::vector<double> differences(left.size());
  std::transform(left.begin(), left.end(), right.begin(), differences.begin(), std::minus<>());
  return mean_of(differences);
}

Estimate ratio_of(std::span<const double> numerators, std::span<const double> denominators) {
  expect_pairs("ratio", numerators.size(), denominators.size());
  const double total = sum_of(denominators);
  if (!(total > 0)) fail<DataError>("ratio", "the denominators sum to {}, expected more than 0", total);
  const double ratio = sum_of(numerators) / total;
  double squares = 0.0;
  for (std::size_t unit = 0; unit < numerators.size(); ++unit) {
    const double residual = numerators[unit] - ratio * denominators[unit];
    squares += residual * residual;
  }
  return {ratio, error_of_sum(squares, numerators.size()) / total, static_cast<std::int64_t>(numerators.size())};
}

Estimate mean_of_estimates(std::span<const Estimate> estimates) {
  if (estimates.empty()) fail<DataError>("mean", "got no estimates");
  Estimate result;
  double variance = 0.0;
  for (const Estimate& estimate : estimates) {
    result.mean += estimate.mean;
    variance += estimate.std_error * estimate.std_error;
    result.n += estimate.n;
  }
  const auto count = static_cast<double>(estimates.size());
  result.mean /= count;
  result.std_error = std::sqrt(variance) / count;
  return result;
}

std::vector<double> mean_by_unit(std::span<const std::vector<double>> measurements) {
  if (measurements.empty()) fail<DataError>("mean by unit", "got no measurements");
  std::vector<double> means(measurements.front().size());
  for (const std::vector<double>& values : measurements) {
    expect_pairs("mean by unit", means.size(), values.size());
    std::transform(means.begin(), means.end(), values.begin(), means.begin(), std::plus<>());
  }
  for (double& mean : means) mean /= static_cast<double>(measurements.size());
  return means;
}

double jackknife_error(std::span<const std::vector<double>> without) {
  double variance = 0.0;
  for (const std::vector<double>& stratum : without) {
    const Estimate mean = mean_of(stratum);
    const auto n = static_cast<double>(mean.n);
    // mean_of's error is sqrt(sum of squares / (n (n - 1))), NaN for one unit.
    variance += (n - 1.0) * (n - 1.0) * mean.std_error * mean.std_error;
  }
  return std::sqrt(variance);
}

double entropy_nats(std::span<const double> counts) {
  const double total = sum_of(counts);
  double entropy = 0.0;
  for (const double count : counts)
    if (count > 0) entropy -= count / total * std::log(count / total);
  return entropy;
}

MutualInformation mutual_information(std::span<const double> counts, std::size_t columns) {
  if (columns == 0 || counts.size() % columns != 0)
    fail<DataError>("mutual information", "got {} counts in {} columns, expected whole rows", counts.size(), columns);
  const double total = sum_of(counts);
  if (!(total > 0)) return {};
  std::vector<double> row_sums(counts.size() / columns), column_sums(columns);
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    row_sums[cell / columns] += counts[cell];
    column_sums[cell % columns] += counts[cell];
  }
  MutualInformation result;
  for (std::size_t cell = 0; cell < counts.size(); ++cell)
    if (counts[cell] > 0)
      result.plug_in += counts[cell] / total * std::log(counts[cell] * total / (row_sums[cell / columns] * column_sums[cell % columns]));
  const auto occupied = [](const std::vector<double>& sums) {
    return static_cast<double>(std::count_if(sums.begin(), sums.end(), [](double sum) { return sum > 0; }));
  };
  result.corrected = result.plug_in - (occupied(row_sums) - 1.0) * (occupied(column_sums) - 1.0) / (2.0 * total);
  return result;
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace symphony
