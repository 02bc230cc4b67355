// Streaming statistics of the activations at one place (a site of one layer and domain): over all values, and of each feature over tokens.
// Moments about the mean are combined block by block by the update formulas of Pebay (2008, "Formulas for robust, one-pass parallel
// computation of covariances and arbitrary-order statistical moments", SAND2008-6212, eq. 2.1 and 3.1), those of a block by two passes,
// in float64. 16 bytes a feature. F features.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace symphony {

/// Where the largest magnitude was seen; -1 before any.
struct ActivationPeak {
  double magnitude = 0.0;
  std::int64_t token = -1, feature = -1;
};

class ActivationStatistics {
 public:
  explicit ActivationStatistics(std::size_t features) : mean_F_(features, 0.0), squares_F_(features, 0.0) {}

  /// Rows of tokens `first_token`, `first_token` + 1, ...; returns false, taking nothing in, when a value is not finite.
  bool add(std::span<const float> values_TF, std::int64_t first_token);
  /// Rows of any tokens.
  bool add(std::span<const float> values_TF, std::span<const std::int64_t> tokens);

  std::int64_t count() const { return count_; }  ///< tokens; the rest is NaN while it is 0
  double mean() const;
  double variance() const;        ///< divided by the number of values
  double second_moment() const;   ///< mean square
  double kurtosis() const;        ///< fourth central moment / variance^2; 3 for a normal distribution, NaN for a constant
  double zero_share() const;
  const ActivationPeak& peak() const { return peak_; }
  double feature_mean(std::size_t feature) const;
  double feature_variance(std::size_t feature) const;

 private:
  /// Sums over all values about their mean.
  struct Central {
    double count = 0.0, mean = 0.0, second = 0.0, third = 0.0, fourth = 0.0;
    void merge(const Central& other);
  };
  bool add_rows(std::span<const float> values_TF, std::span<const std::int64_t> tokens, std::int64_t first_token);
  bool add_block(std::span<const float> values_TF, std::span<const std::int64_t> tokens, std::int64_t first_token);
  void find_peak(std::span<const float> values_TF, double magnitude, std::span<const std::int64_t> tokens, std::int64_t first_token);

  std::int64_t count_ = 0;
  double zeros_ = 0.0;
  Central all_;
  ActivationPeak peak_;
  std::vector<double> mean_F_, squares_F_;  ///< of each feature: mean, sum of squared deviations from it
};

}  // namespace symphony
