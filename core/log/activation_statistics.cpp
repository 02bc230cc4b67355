// Blocks of rows in strips of features, so that inner loops run along a row, over arrays on the stack, and vectorise.
#include "core/log/activation_statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace symphony {

namespace {

constexpr std::size_t kStrip = 64;  ///< features at a time
constexpr std::size_t kRows = 256;  ///< tokens at a time

using Strip = std::array<double, kStrip>;

/// What the first pass over a strip of a block finds.
struct FirstPass {
  Strip sum{};
  std::array<float, kStrip> peak{}, zeros{};
};

FirstPass first_pass(const float* values, std::size_t rows, std::size_t features, std::size_t width) {
  FirstPass result;
  for (std::size_t row = 0; row < rows; ++row, values += features)
    for (std::size_t at = 0; at < width; ++at) {
      const float value = values[at], magnitude = std::fabs(value);
      result.sum[at] += static_cast<double>(value);
      result.peak[at] = magnitude > result.peak[at] ? magnitude : result.peak[at];
      result.zeros[at] += value == 0.0F ? 1.0F : 0.0F;
    }
  return result;
}

/// Squares about each feature's mean; powers about the mean of all.
struct SecondPass {
  Strip squares{}, second{}, third{}, fourth{};
};

SecondPass second_pass(const float* values, std::size_t rows, std::size_t features, std::size_t width, const Strip& mean_of_feature, double mean) {
  SecondPass result;
  for (std::size_t row = 0; row < rows; ++row, values += features)
    for (std::size_t at = 0; at < width; ++at) {
      const double value = static_cast<double>(values[at]);
      const double within = value - mean_of_feature[at], deviation = value - mean, square = deviation * deviation;
      result.squares[at] += within * within;
      result.second[at] += square;
      result.third[at] += square * deviation;
      result.fourth[at] += square * square;
    }
  return result;
}

double sum_of(const Strip& strip, std::size_t width) {
  double sum = 0.0;
  for (std::size_t at = 0; at < width; ++at) sum += strip[at];
  return sum;
}

double unknown_or(bool known, double value) { return known ? value : std::numeric_limits<double>::quiet_NaN(); }

}  // namespace

void ActivationStatistics::Central::merge(const Central& other) {
  if (count == 0.0) {
    *this = other;
    return;
  }
  const double a = count, b = other.count, n = a + b, delta = other.mean - mean, ratio = delta / n;
  const double new_third = third + other.third + delta * ratio * ratio * a * b * (a - b) + 3.0 * ratio * (a * other.second - b * second);
  fourth += other.fourth + delta * ratio * ratio * ratio * a * b * (a * a - a * b + b * b) + 6.0 * ratio * ratio * (a * a * other.second + b * b * second) +
            4.0 * ratio * (a * other.third - b * third);
  third = new_third;
  second += other.second + delta * ratio * a * b;
  mean += ratio * b;
  count = n;
}

bool ActivationStatistics::add(std::span<const float> values_TF, std::int64_t first_token) { return add_rows(values_TF, {}, first_token); }
bool ActivationStatistics::add(std::span<const float> values_TF, std::span<const std::int64_t> tokens) { return add_rows(values_TF, tokens, 0); }

bool ActivationStatistics::add_rows(std::span<const float> values_TF, std::span<const std::int64_t> tokens, std::int64_t first_token) {
  const std::size_t features = mean_F_.size(), rows = features == 0 ? 0 : values_TF.size() / features;
  for (std::size_t first = 0; first < rows; first += kRows) {
    const std::size_t count = std::min(kRows, rows - first);
    const auto block = values_TF.subspan(first * features, count * features);
    if (!add_block(block, tokens.empty() ? tokens : tokens.subspan(first, count), first_token + static_cast<std::int64_t>(first))) return false;
  }
  return true;
}

bool ActivationStatistics::add_block(std::span<const float> values_TF, std::span<const std::int64_t> tokens, std::int64_t first_token) {
  const std::size_t features = mean_F_.size(), rows = values_TF.size() / features;
  const auto num_rows = static_cast<double>(rows);
  std::vector<double> mean_F(features);
  double total = 0.0, zeros = 0.0;
  float largest = 0.0F;
  for (std::size_t start = 0; start < features; start += kStrip) {
    const std::size_t width = std::min(kStrip, features - start);
    const FirstPass pass = first_pass(values_TF.data() + start, rows, features, width);
    for (std::size_t at = 0; at < width; ++at) {
      mean_F[start + at] = pass.sum[at] / num_rows;
      zeros += static_cast<double>(pass.zeros[at]);
      largest = std::max(largest, pass.peak[at]);
    }
    total += sum_of(pass.sum, width);
  }
  // A comparison with NaN is false, so NaN shows in the sum alone, infinity in both.
  if (!std::isfinite(total)) return false;

  Central block{num_rows * static_cast<double>(features), total / (num_rows * static_cast<double>(features)), 0.0, 0.0, 0.0};
  const double before = static_cast<double>(count_), after = before + num_rows;
  for (std::size_t start = 0; start < features; start += kStrip) {
    const std::size_t width = std::min(kStrip, features - start);
    Strip mean{};
    std::copy_n(mean_F.begin() + static_cast<std::ptrdiff_t>(start), width, mean.begin());
    const SecondPass pass = second_pass(values_TF.data() + start, rows, features, width, mean, block.mean);
    block.second += sum_of(pass.second, width), block.third += sum_of(pass.third, width), block.fourth += sum_of(pass.fourth, width);
    for (std::size_t at = 0; at < width; ++at) {
      const double delta = mean[at] - mean_F_[start + at];
      squares_F_[start + at] += pass.squares[at] + delta * delta * before * num_rows / after;
      mean_F_[start + at] += delta * num_rows / after;
    }
  }
  all_.merge(block);
  count_ += static_cast<std::int64_t>(rows);
  zeros_ += zeros;
  if (static_cast<double>(largest) > peak_.magnitude || peak_.token < 0) find_peak(values_TF, static_cast<double>(largest), tokens, first_token);
  return true;
}

void ActivationStatistics::find_peak(std::span<const float> values_TF, double magnitude, std::span<const std::int64_t> tokens, std::int64_t first_token) {
  const auto found = std::find_if(values_TF.begin(), values_TF.end(), [&](float value) { return std::fabs(static_cast<double>(value)) == magnitude; });
  const auto index = static_cast<std::size_t>(found - values_TF.begin()), row = index / mean_F_.size();
  peak_ = {magnitude, tokens.empty() ? first_token + static_cast<std::int64_t>(row) : tokens[row], static_cast<std::int64_t>(index % mean_F_.size())};
}

double ActivationStatistics::mean() const { return unknown_or(count_ > 0, all_.mean); }
double ActivationStatistics::variance() const { return unknown_or(count_ > 0, all_.second / all_.count); }
double ActivationStatistics::second_moment() const { return variance() + all_.mean * all_.mean; }
double ActivationStatistics::kurtosis() const { return unknown_or(all_.second > 0.0, all_.fourth * all_.count / (all_.second * all_.second)); }
double ActivationStatistics::zero_share() const { return unknown_or(count_ > 0, zeros_ / all_.count); }
double ActivationStatistics::feature_mean(std::size_t feature) const { return unknown_or(count_ > 0, mean_F_[feature]); }
double ActivationStatistics::feature_variance(std::size_t feature) const { return unknown_or(count_ > 0, squares_F_[feature] / static_cast<double>(count_)); }

}  // namespace symphony
