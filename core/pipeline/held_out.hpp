// The held-out windows on which models are measured: which they are, and reading them.
#pragma once

#include "core/pipeline/builder.hpp"
#include "core/score/windows.hpp"

namespace symphony {

/// Adds to a stage's parameters what decides on the windows beside the text: `windows`, and `domains` in the experiment's order.
void add_windows(const Experiment& experiment, Value& parameters);

/// A domain's held-out tokens, and the windows that suites score.
struct HeldOut {
  torch::Tensor stream;  ///< int64 [S], BOS first
  WindowSet windows;     ///< of as many as the experiment says for domains of its kind
};
/// Of the domain at `domain_idx` in the experiment's order, whose text stage is `text`. `token_bytes_V` as in make_windows.
HeldOut load_held_out(const Experiment& experiment, std::size_t domain_idx, const StagePtr& text, const StageFolder& folder,
                      const std::vector<std::int64_t>& token_bytes_V = {});

}  // namespace symphony
