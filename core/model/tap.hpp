// Named activation points of a decoder, and who listens at them. T tokens (batch and positions flattened), D hidden, F FFN width, E experts.
//
//   embedding        [T, D]   output of the embedding (layer 0 only)
//   residual_in      [T, D]   residual stream entering the layer
//   attention_out    [T, D]   what attention adds
//   ffn_in           [T, D]   post-attention RMSNorm output: the input of the FFN and of the router
//   ffn_gate         [T, F]   gate of a dense FFN before silu; of one expert on its own tokens in an MoE (`expert` >= 0)
//   ffn_hidden       [T, F]   silu(gate) * up, likewise
//   ffn_out          [T, D]   what the FFN or the MoE adds
//   residual         [T, D]   residual stream leaving the layer
//   router_logits    [T, E]   MoE only
//   router_choices   [T, K]   MoE only, int64
//   router_weights   [T, K]   MoE only
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace symphony {

enum class Site { embedding, residual_in, attention_out, ffn_in, ffn_gate, ffn_hidden, ffn_out, residual, router_logits, router_choices, router_weights };

std::string site_name(Site site);
/// Throws ConfigError with the nearest site.
Site site_from_name(std::string_view name);
std::vector<std::string> site_names();

/// Listens during a forward pass. Tensors are detached and may be views: clone what must survive the call.
class Tap {
 public:
  virtual ~Tap();
  virtual bool wants(Site site, std::int64_t layer) const = 0;
  /// `token_rows` maps the rows of `values` to flattened token indices when only some tokens are seen (an expert's
  /// own, or one chunk of a streamed pass); undefined = all.
  virtual void record(Site site, std::int64_t layer, std::int64_t expert, const torch::Tensor& values, const torch::Tensor& token_rows) = 0;
};

}  // namespace symphony
