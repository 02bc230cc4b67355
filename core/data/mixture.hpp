// Which domains a model is trained on, and in what proportion.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/data/token_stream.hpp"

namespace symphony {

class Mixture {
 public:
  struct Part {
    std::shared_ptr<const TokenStream> stream;
    double weight = 1.0;
  };

  /// Weights are scaled to sum to 1. Throws ConfigError for no parts, a negative weight or no positive one, and DataError when a stream is
  /// held-out text or the vocabularies differ.
  explicit Mixture(std::vector<Part> parts);
  /// Equal weights.
  static Mixture uniform(std::vector<std::shared_ptr<const TokenStream>> streams);

  const std::vector<Part>& parts() const { return parts_; }
  std::vector<std::string> domains() const;
  std::int64_t vocab_size() const { return parts_.front().stream->vocab_size; }
  /// The part under `point` in [0, 1) of the cumulated weights.
  std::size_t pick(double point) const;

 private:
  std::vector<Part> parts_;
  std::vector<double> cumulated_;
};

}  // namespace symphony
