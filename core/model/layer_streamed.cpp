// The layer-streamed executor.
#include "core/model/layer_streamed.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/layer_tap.hpp"
#include "core/model/precision.hpp"

namespace symphony {

StreamOptions options_for_logits(const ModelSpec& spec) {
  constexpr std::int64_t kMaxEntries = std::int64_t{1} << 24;
  StreamOptions options;
  options.chunk_tokens = std::min(options.chunk_tokens, std::max<std::int64_t>(1, kMaxEntries / std::max<std::int64_t>(1, spec.vocab_size)));
  return options;
}

LayerStreamed::LayerStreamed(Model model, const torch::Tensor& tokens_NT, std::shared_ptr<const Router> router, StreamOptions options)
    : model_(std::move(model)), router_(std::move(router)), options_(options) {
  const std::string where = fmt::format("model {}", quoted(model_.name));
  check_spec(model_.spec, where);
  if (model_.spec.moe.has_value() != (router_ != nullptr))
    fail<DataError>(where, "{}", model_.spec.moe ? "is a Mixture-of-Experts but got no router" : "is dense but got a router");
  if (tokens_NT.dim() != 2 || tokens_NT.numel() == 0)
    fail<DataError>(where, "got tokens of shape {}, expected a non-empty [sequences, length]", shape_text(tokens_NT.sizes()));

  const torch::NoGradGuard no_grad;
  const auto sequences = std::max<std::int64_t>(1, options_.chunk_tokens / tokens_NT.size(1));
  for (std::int64_t first = 0; first < tokens_NT.size(0); first += sequences) {
    const auto tokens_BT = tokens_NT.slice(0, first, std::min(first + sequences, tokens_NT.size(0)));
    Chunk chunk;
    chunk.tokens = token_batch(model_.spec, tokens_BT, positions_for(tokens_BT), options_.dtype, options_.device);
    chunk.tokens.first_token = first * tokens_NT.size(1);
    chunk.residual_ND = embedded(tokens_BT);
    chunks_.push_back(std::move(chunk));
  }
}

std::int64_t LayerStreamed::first_token(std::int64_t chunk) const { return chunks_.at(static_cast<std::size_t>(chunk)).tokens.first_token; }

std::int64_t LayerStreamed::num_tokens(std::int64_t chunk) const {
  return chunks_.at(static_cast<std::size_t>(chunk)).tokens.token_ids_N.size(0);
}

void LayerStreamed::check_shape(const SpecTensor& expected) const {
  const TensorInfo& info = model_.tensors->info(expected.name);
  if (info.shape != expected.shape)
    fail<DataError>(fmt::format("model {}", quoted(model_.name)), "tensor {} has shape {}, expected {} by its spec", quoted(expected.name),
                    shape_text(info.shape), shape_text(expected.shape));
}

torch::Tensor LayerStreamed::stored(const SpecTensor& expected) const {
  check_shape(expected);
  return model_.tensors->get(expected.name);
}

/// Only the rows in use are made and converted: a vocabulary in float32 would be the largest thing in the process.
torch::Tensor LayerStreamed::embedded(const torch::Tensor& tokens_BT) const {
  const auto tensors = spec_tensors(model_.spec);
  const auto embedding = std::find_if(tensors.begin(), tensors.end(), [](const SpecTensor& tensor) { return tensor.kind == TensorKind::embedding; });
  check_shape(*embedding);
  return model_.tensors->by_rows(embedding->name).gather(tokens_BT.reshape(-1)).to(torch::TensorOptions().device(options_.device).dtype(options_.dtype));
}

TensorMap LayerStreamed::load(std::int64_t layer) const {
  const bool with_router = router_ != nullptr && layer >= 0 && !router_->parameters(model_.spec).empty() &&
                           model_.tensors->find(router_parameter_name(layer, router_->parameters(model_.spec).front().name)) != nullptr;
  TensorMap result;
  for (const SpecTensor& expected : with_router ? decoder_tensors(model_.spec, router_.get()) : spec_tensors(model_.spec)) {
    const bool is_read_by_rows = expected.kind == TensorKind::embedding && !model_.spec.tied_head;
    if (expected.layer != layer || is_read_by_rows) continue;
    const torch::ScalarType dtype = expected.kind == TensorKind::router ? at_least_float32(options_.dtype) : options_.dtype;
    result.emplace(expected.name, stored(expected).to(torch::TensorOptions().device(options_.device).dtype(dtype)));
  }
  return result;
}

void LayerStreamed::load_layer(std::int64_t layer) {
  if (layer != layer_ + 1 || layer >= model_.spec.num_layers)
    fail<DataError>("layer-streamed pass", "asked for layer {}, expected {} of {}", layer, layer_ + 1, model_.spec.num_layers);
  read_layer(layer);
  layer_ = layer;
}

void LayerStreamed::reload_layer() { read_layer(layer_); }

void LayerStreamed::read_layer(std::int64_t layer) {
  parameters_ = {};  // released before the next layer is read
  const torch::NoGradGuard no_grad;
  const TensorMap tensors = load(layer);
  const bool with_router = router_ != nullptr && std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
                             return entry.first.starts_with(layer_prefix(layer) + "mlp.router.");
                           });
  parameters_ = layer_parameters(model_.spec, with_router ? router_.get() : nullptr, tensors, layer);
}

void LayerStreamed::set_router_parameters(const TensorMap& parameters) {
  if (router_ == nullptr) fail<DataError>("layer-streamed pass", "got router parameters for a dense model");
  parameters_.router.clear();
  for (const RouterParameter& expected : router_->parameters(model_.spec)) {
    const auto& tensor = parameter(parameters, expected.name);
    if (tensor.sizes() != torch::IntArrayRef(expected.shape))
      fail<DataError>(fmt::format("router of layer {}", layer_), "parameter {} has shape {}, expected {}", quoted(expected.name),
                      shape_text(tensor.sizes()), shape_text(expected.shape));
    parameters_.router.emplace(expected.name, tensor.to(torch::TensorOptions().device(options_.device).dtype(at_least_float32(options_.dtype))));
  }
}

LayerStreamed::Chunk& LayerStreamed::chunk_at(std::int64_t chunk, std::int64_t halves_expected) {
  Chunk& result = chunks_.at(static_cast<std::size_t>(chunk));
  if (result.halves_done != halves_expected)
    fail<DataError>("layer-streamed pass", "chunk {} has passed {} half layers, expected {} before this call", chunk, result.halves_done,
                    halves_expected);
  return result;
}

void LayerStreamed::run_attention(std::int64_t chunk_idx, Tap* tap, bool advance) {
  const torch::NoGradGuard no_grad;
  Chunk& chunk = chunk_at(chunk_idx, 2 * layer_);
  if (layer_ == 0) LayerTap(tap, 0, chunk.tokens).record(Site::embedding, chunk.residual_ND);
  const torch::Tensor after_ND = options_.prefill > 0
                                     ? decoded_attention(chunk)
                                     : attention_half(model_.spec, layer_, parameters_, chunk.residual_ND, chunk.tokens, tap, nullptr);
  if (tap != nullptr && tap->wants(Site::ffn_in, layer_)) ffn_input(model_.spec, layer_, parameters_, after_ND, chunk.tokens, tap);
  if (!advance) return;
  chunk.residual_ND = after_ND;
  ++chunk.halves_done;
}

torch::Tensor LayerStreamed::decoded_attention(const Chunk& chunk) const {
  const TokenBatch& all = chunk.tokens;
  const auto by_sequence = [&](const torch::Tensor& of_tokens) { return of_tokens.view({all.batch, all.length, -1}); };
  DecodeState::Layer cache;
  std::vector<torch::Tensor> pieces_BTD;
  for (std::int64_t first = 0, count = 0; first < all.length; first += count) {
    count = first == 0 ? std::min(options_.prefill, all.length) : 1;
    const auto piece = [&](const torch::Tensor& of_tokens) { return by_sequence(of_tokens).narrow(1, first, count); };
    const TokenBatch tokens = token_batch(model_.spec, piece(all.token_ids_N).squeeze(2), piece(all.positions_N).squeeze(2), options_.dtype, options_.device);
    const auto residual_ND = piece(chunk.residual_ND).reshape({all.batch * count, -1});
    pieces_BTD.push_back(attention_half(model_.spec, layer_, parameters_, residual_ND, tokens, nullptr, &cache).view({all.batch, count, -1}));
  }
  return torch::cat(pieces_BTD, 1).view_as(chunk.residual_ND);
}

void LayerStreamed::run_ffn(std::int64_t chunk_idx, Tap* tap) {
  const torch::NoGradGuard no_grad;
  Chunk& chunk = chunk_at(chunk_idx, 2 * layer_ + 1);
  if (router_ != nullptr && parameters_.router.size() != router_->parameters(model_.spec).size())
    fail<DataError>("layer-streamed pass", "layer {} of model {} has no router parameters yet; call set_router_parameters first", layer_,
                    quoted(model_.name));
  // The norm is computed again rather than kept: holding it would double the memory of a pass.
  const auto input_ND = ffn_input(model_.spec, layer_, parameters_, chunk.residual_ND, chunk.tokens, nullptr);
  ForwardOptions options;
  options.tap = tap;
  chunk.residual_ND = ffn_half(model_.spec, router_.get(), layer_, parameters_, chunk.residual_ND, input_ND, chunk.tokens, options, chunk.routing);
  ++chunk.halves_done;
}

torch::Tensor LayerStreamed::logits(std::int64_t chunk_idx) {
  const torch::NoGradGuard no_grad;
  const Chunk& chunk = chunk_at(chunk_idx, 2 * model_.spec.num_layers);
  if (!head_VD_.defined()) {
    parameters_ = {};
    const TensorMap outer = load(-1);
    final_norm_D_ = parameter(outer, "model.norm.weight");
    head_VD_ = head_parameter(model_.spec, outer);
  }
  return decoder_head(model_.spec, final_norm_D_, head_VD_, chunk.residual_ND).view({chunk.tokens.batch, chunk.tokens.length, model_.spec.vocab_size});
}

void run_all(LayerStreamed& stream, Tap* tap, const std::function<TensorMap(std::int64_t layer)>& router_parameters) {
  for (std::int64_t layer = 0; layer < stream.spec().num_layers; ++layer) {
    stream.load_layer(layer);
    for (std::int64_t chunk = 0; chunk < stream.num_chunks(); ++chunk) stream.run_attention(chunk, tap);
    if (router_parameters) stream.set_router_parameters(router_parameters(layer));
    for (std::int64_t chunk = 0; chunk < stream.num_chunks(); ++chunk) stream.run_ffn(chunk, tap);
  }
}

}  // namespace symphony
