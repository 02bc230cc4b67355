// The layer-streamed executor: runs many tokens through a model while holding one layer's tensors and the tokens' residual streams, never
// the model. For statistics, invariance checks and router initialisation on checkpoints of any size. It gives the activations that
// LanguageModel gives. A pass goes layer by layer and, within a layer, chunk by chunk:
//
//   LayerStreamed a(anchor, tokens_NT), b(source, tokens_NT);          // two models in step, for pair statistics
//   for (layer = 0; layer < L; ++layer) {
//     a.load_layer(layer); b.load_layer(layer);
//     for (chunk = 0; chunk < a.num_chunks(); ++chunk) {
//       a.run_layer(chunk, &tap_a); b.run_layer(chunk, &tap_b);        // the taps now hold the same tokens' activations
//     }
//   }
//   a.logits(chunk);                                                   // after the last layer
//
// For an MoE whose routers are still to be made, run_attention over all chunks shows a tap every ffn_in of the layer; then
// set_router_parameters, then run_ffn over all chunks. `run_all` below does either. Taps get `token_rows` = indices into the flattened
// tokens_NT. All calls run without gradients.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/model/decoder_parameters.hpp"
#include "core/model/language_model.hpp"
#include "core/model/token_batch.hpp"
#include "core/model/transformer.hpp"

namespace symphony {

struct StreamOptions {
  std::int64_t chunk_tokens = 4096;             ///< a chunk is as many whole sequences as fit, at least one
  torch::Device device = torch::kCPU;
  torch::ScalarType dtype = torch::kFloat32;
  /// > 0: attention takes so many positions of every sequence at once and the others one by one against a KV cache, as generation does. It
  /// shows its sites to no tap then.
  std::int64_t prefill = 0;
};

/// For passes whose logits are asked for: chunks of as many tokens as have 64 MiB of them. Those of a thousand tokens over the vocabulary of a real model
/// would be larger than any tensor of it.
StreamOptions options_for_logits(const ModelSpec& spec);

class LayerStreamed {
 public:
  /// tokens_NT int64: N sequences from position 0. `router` is required iff the spec has an MoE.
  LayerStreamed(Model model, const torch::Tensor& tokens_NT, std::shared_ptr<const Router> router = nullptr, StreamOptions options = {});

  const ModelSpec& spec() const { return model_.spec; }
  std::int64_t num_chunks() const { return static_cast<std::int64_t>(chunks_.size()); }
  /// Flattened index of the chunk's first token, and how many it has.
  std::int64_t first_token(std::int64_t chunk) const;
  std::int64_t num_tokens(std::int64_t chunk) const;

  /// Layers must be loaded in order 0, 1, ...; every chunk must have passed the layer below. Reads the tensors of this layer only; the
  /// router's parameters are read too where the source has them.
  void load_layer(std::int64_t layer);
  /// For sources without router tensors: by the router's own names. Throws DataError when one is missing or misshapen.
  void set_router_parameters(const TensorMap& parameters);

  /// Frees the present layer's tensors, for callers that hold many streams; the next is loaded as ever.
  void release_layer() { parameters_ = {}; }

  /// Reads the present layer's tensors again, for a source that changes as it is measured.
  void reload_layer();

  /// Sites embedding (layer 0), residual_in, attention_out, ffn_in. With `advance` false the tap sees what would happen and the stream stays.
  void run_attention(std::int64_t chunk, Tap* tap, bool advance = true);
  /// Sites router_*, ffn_hidden, ffn_out, residual. Throws DataError when an MoE layer has no router parameters yet.
  void run_ffn(std::int64_t chunk, Tap* tap);
  void run_layer(std::int64_t chunk, Tap* tap) { run_attention(chunk, tap), run_ffn(chunk, tap); }

  /// After the last layer: [sequences of the chunk, T, V].
  torch::Tensor logits(std::int64_t chunk);

 private:
  struct Chunk {
    TokenBatch tokens;
    torch::Tensor residual_ND;
    RoutingState routing;
    std::int64_t halves_done = 0;  ///< two a layer
  };
  Chunk& chunk_at(std::int64_t chunk, std::int64_t halves_expected);
  torch::Tensor decoded_attention(const Chunk& chunk) const;
  void check_shape(const SpecTensor& expected) const;
  torch::Tensor stored(const SpecTensor& expected) const;
  torch::Tensor embedded(const torch::Tensor& tokens_BT) const;
  TensorMap load(std::int64_t layer) const;
  void read_layer(std::int64_t layer);

  Model model_;
  std::shared_ptr<const Router> router_;
  StreamOptions options_;
  std::vector<Chunk> chunks_;
  std::int64_t layer_ = -1;
  LayerParameters parameters_;
  torch::Tensor final_norm_D_, head_VD_;
};

/// The whole pass with one tap. For each layer: attention of all chunks, then `router_parameters(layer)` if given, then the FFN of all
/// chunks.
void run_all(LayerStreamed& stream, Tap* tap, const std::function<TensorMap(std::int64_t layer)>& router_parameters = nullptr);

}  // namespace symphony
