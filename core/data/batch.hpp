// Training batches from one or several domains: a pure function of (seed, step), so training resumed at a step sees exactly what it would have
// seen; and the calibration tokens on which models are compared and aligned.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/data/mixture.hpp"

namespace symphony {

/// B windows of `length` predicted tokens each; the column before them is context, as LanguageModel::loss expects.
struct Batch {
  torch::Tensor tokens_BT;               ///< int64 [B, length + 1]
  std::vector<std::int64_t> domains_B;   ///< index of each window's domain in the mixture
};

class BatchSource {
 public:
  /// Throws DataError when a domain's stream is shorter than one window.
  BatchSource(Mixture mixture, std::int64_t batch_size, std::int64_t length, std::uint64_t seed);

  /// The batch of optimiser step `step`: windows at uniformly random offsets; domains by systematic sampling, so that their numbers in a batch
  /// differ from weight * B by less than one.
  Batch at(std::int64_t step) const;

  const Mixture& mixture() const { return mixture_; }
  std::int64_t tokens_per_batch() const { return batch_size_ * length_; }

 private:
  Mixture mixture_;
  std::int64_t batch_size_, length_;
  std::uint64_t seed_;
};

/// N windows of T tokens each; `domains_N` says where each comes from.
struct CalibrationWindows {
  torch::Tensor tokens_NT;              ///< int64
  std::vector<std::int64_t> domains_N;
};

/// About `tokens` training tokens in windows of `length`, equally many from each domain, grouped by domain in the given order. Windows of
/// one domain do not overlap. Throws DataError when a stream is too short or is held-out text.
CalibrationWindows calibration_windows(const std::vector<std::shared_ptr<const TokenStream>>& domains, std::int64_t tokens,
                                       std::int64_t length, std::uint64_t seed);

}  // namespace symphony
