// Per-layer activations of probe tokens, by site, layer and domain (and expert, where a site belongs to experts): statistics over every token
// given, and the activations themselves of the first `tokens` tokens of each domain. T rows (tokens), F features of the site.
//
// Raw rows go to the file at once, block by block, so that memory holds statistics only: 16 bytes a feature, layer, domain and expert.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/log/record_file.hpp"

namespace symphony {

struct ActivationSite {
  std::string name;                   ///< "ffn_hidden"
  std::size_t features = 0;
  std::vector<std::int64_t> layers;   ///< the model's layers that have it; empty: all
  std::vector<std::string> experts;   ///< names; empty: the site is not an expert's
  bool are_choices = false;           ///< values are indices: kept raw and counted, without further statistics
};

struct ActivationOptions {
  std::vector<ActivationSite> sites;
  std::vector<std::int64_t> layers;  ///< the model's layer indices
  std::vector<std::string> domains;
  std::size_t tokens = 0;            ///< raw tokens kept a domain; 0 keeps none
  bool half = true;                  ///< store raw activations as fp16, otherwise fp32
};

/// What a log of these options takes in the file, without what HDF5 adds.
struct ActivationBytes {
  std::uint64_t raw = 0, statistics = 0;
};
ActivationBytes activation_bytes(const ActivationOptions& options);

/// Rows of one site in one place. Indices count in the options.
struct ActivationPlace {
  std::size_t site = 0, layer = 0, domain = 0, expert = 0;  ///< `layer` is a model's layer, not an index
};

/// Writes `<group>/<site>/...` into `file` (at its root for ""), which must outlive it. One thread.
class ActivationLog {
 public:
  ActivationLog(RecordFile& file, std::string group, ActivationOptions options);
  ActivationLog(ActivationLog&&) noexcept;
  ~ActivationLog();

  /// Ids of the domain's probe tokens from token `first_token` on; the first `tokens` of them are stored, missing ones as -1.
  void token_ids(std::size_t domain, std::span<const std::int64_t> ids, std::size_t first_token = 0);

  /// Rows `first_token`, `first_token` + 1, ... of the domain's probe tokens. Throws NumericError for a value that is not finite, or among the
  /// raw ones beyond fp16 where that was chosen.
  void add(const ActivationPlace& place, std::span<const float> values_TF, std::size_t first_token);
  /// The same for rows of any tokens: `tokens[row]` is the row's index in the domain's probe tokens (an expert's own tokens). Calls for one
  /// place must not interleave: the ranges of their tokens are disjoint.
  void add(const ActivationPlace& place, std::span<const float> values_TF, std::span<const std::int64_t> tokens);

  /// Writes the statistics and commits. Nothing may be added afterwards.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace symphony
