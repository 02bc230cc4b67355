// Per-layer activations of probe tokens, by site, layer and domain: statistics over every token given, and the activations
// themselves for the first `tokens` tokens of each domain. Legend: T rows (tokens), F features of the site.
//
// Statistics accumulate in float64 by the parallel update of Chan, Golub and LeVeque (1983, "Algorithms for computing the sample
// variance", The American Statistician 37, eq. 2.1); variances divide by the count. Raw rows go to the file at once, block by
// block, so that memory holds statistics only: 16 bytes a feature, layer and domain.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/log/record_file.hpp"

namespace symphony {

struct ActivationSite {
  std::string name;          ///< "ffn_hidden"
  std::size_t features = 0;
};

struct ActivationOptions {
  std::vector<ActivationSite> sites;
  std::vector<std::int64_t> layers;  ///< the model's layer indices
  std::vector<std::string> domains;
  std::size_t tokens = 0;            ///< raw tokens kept a domain; 0 keeps none
  bool half = true;                  ///< store raw activations as fp16, otherwise fp32
};

/// Writes `<group>/<site>/...` into `file` (at its root for ""), which must outlive it. One thread.
class ActivationLog {
 public:
  ActivationLog(RecordFile& file, std::string group, ActivationOptions options);
  ActivationLog(ActivationLog&&) noexcept;
  ~ActivationLog();

  /// The domain's probe tokens, once a domain; the first `tokens` of them are stored, missing ones as -1.
  void token_ids(std::size_t domain_idx, std::span<const std::int64_t> ids);

  /// Rows `first_token`, `first_token` + 1, ... of the domain's probe tokens. Indices count in `options`. Throws NumericError for a
  /// value that is not finite, or beyond fp16 where that was chosen.
  void add(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF, std::size_t first_token);
  /// The same for rows of any tokens: `tokens[row]` is the row's index in the domain's probe tokens (an expert's own tokens).
  void add(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF, std::span<const std::int64_t> tokens);

  /// Writes the statistics and commits. Nothing may be added afterwards.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace symphony
