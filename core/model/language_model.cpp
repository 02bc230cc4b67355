// A decoder in memory: checks and loads its tensors, runs the layers, keeps the decode state.
#include "core/model/language_model.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/cross_entropy.hpp"
#include "core/model/decoder_parameters.hpp"
#include "core/model/precision.hpp"
#include "core/model/transformer.hpp"

namespace symphony {

namespace {

/// The type in which a pass in `dtype` holds the tensor: routers decide in float32 or better.
torch::ScalarType held_type(const SpecTensor& tensor, torch::ScalarType dtype) {
  return tensor.kind == TensorKind::router ? at_least_float32(dtype) : dtype;
}

TensorMap load_parameters(const Model& model, const Router* router, torch::Device device, torch::ScalarType dtype) {
  const std::string where = fmt::format("model {}", quoted(model.name));
  TensorMap result;
  for (const SpecTensor& expected : decoder_tensors(model.spec, router)) {
    const TensorInfo& info = model.tensors->info(expected.name);
    if (info.shape != expected.shape)
      fail<DataError>(where, "tensor {} has shape {}, expected {} by its spec", quoted(expected.name), shape_text(info.shape),
                      shape_text(expected.shape));
    auto tensor = model.tensors->get(expected.name);
    if (!tensor.is_floating_point())
      fail<DataError>(where, "tensor {} has type {}, expected floating point", quoted(expected.name), c10::toString(tensor.scalar_type()));
    // Always a copy: the source's memory is not ours to train in.
    result.emplace(expected.name, tensor.to(torch::TensorOptions().device(device).dtype(held_type(expected, dtype)), false, true).contiguous());
  }
  for (const TensorInfo& info : model.tensors->infos())
    if (!result.contains(info.name)) fail<DataError>(where, "tensor {} is not part of its spec", quoted(info.name));
  return result;
}

/// The parameters as a pass in `dtype` reads them; differentiable, so that gradients reach the originals in their own type.
TensorMap converted(const TensorMap& parameters, const ModelSpec& spec, const Router* router, torch::ScalarType dtype) {
  TensorMap result;
  for (const SpecTensor& tensor : decoder_tensors(spec, router)) {
    if (tensor.kind == TensorKind::embedding && !spec.tied_head) continue;  // rows are converted as they are looked up
    result.emplace(tensor.name, parameter(parameters, tensor.name).to(held_type(tensor, dtype)));
  }
  return result;
}

RoutingState routing_state(const Router* router, const DecodeState* state) {
  RoutingState result;
  if (router != nullptr && state != nullptr && router->properties().sequence_scope) result.carried = state->sequence_carried;
  return result;
}

}  // namespace

LanguageModel::LanguageModel(const Model& model, std::shared_ptr<const Router> router, torch::Device device, torch::ScalarType dtype)
    : spec_(model.spec), router_(std::move(router)) {
  const std::string where = fmt::format("model {}", quoted(model.name));
  check_spec(spec_, where);
  if (spec_.moe.has_value() != (router_ != nullptr))
    fail<DataError>(where, "{}", spec_.moe ? "is a Mixture-of-Experts but got no router" : "is dense but got a router");
  parameters_ = load_parameters(model, router_.get(), device, dtype);
}

LanguageModel::~LanguageModel() = default;

ForwardResult LanguageModel::run(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, const ForwardOptions& options,
                                 DecodeState* state) const {
  const auto& embedding_VD = parameter(parameters_, "model.embed_tokens.weight");
  const torch::ScalarType dtype = options.dtype.value_or(embedding_VD.scalar_type());
  TensorMap narrowed;
  if (dtype != embedding_VD.scalar_type()) narrowed = converted(parameters_, spec_, router_.get(), dtype);
  const TensorMap& used = narrowed.empty() ? parameters_ : narrowed;
  const TokenBatch tokens = token_batch(spec_, tokens_BT, positions_BT, dtype, embedding_VD.device());
  if (state != nullptr) {
    if (state->layers.empty()) state->layers.resize(static_cast<std::size_t>(spec_.num_layers));
    if (state->layers.size() != static_cast<std::size_t>(spec_.num_layers))
      fail<DataError>("decoder", "the decode state holds {} layers, expected {}", state->layers.size(), spec_.num_layers);
  }

  RoutingState routing = routing_state(router_.get(), state);
  auto residual_ND = embed(embedding_VD, tokens, options.tap).to(dtype);
  for (std::int64_t layer = 0; layer < spec_.num_layers; ++layer) {
    const LayerParameters parameters = layer_parameters(spec_, router_.get(), used, layer);
    auto* cache = state != nullptr ? &state->layers[static_cast<std::size_t>(layer)] : nullptr;
    residual_ND = attention_half(spec_, layer, parameters, residual_ND, tokens, options.tap, cache);
    const auto input_ND = ffn_input(spec_, layer, parameters, residual_ND, tokens, options.tap);
    residual_ND = ffn_half(spec_, router_.get(), layer, parameters, residual_ND, input_ND, tokens, options, routing);
  }
  if (state != nullptr) {
    state->length += tokens.length;
    if (router_ != nullptr && router_->properties().sequence_scope) state->sequence_carried = routing.carried;
  }

  ForwardResult result;
  const auto logits_NV = decoder_head(spec_, parameter(used, "model.norm.weight"), head_parameter(spec_, used), residual_ND);
  result.logits_BTV = logits_NV.view({tokens.batch, tokens.length, spec_.vocab_size});
  if (routing.balance_sum.defined()) result.balance = routing.balance_sum / static_cast<double>(spec_.num_layers);
  return result;
}

torch::Tensor LanguageModel::forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state) const {
  return run(tokens_BT, positions_BT, {}, state).logits_BTV;
}

LossResult LanguageModel::loss(const torch::Tensor& tokens_BT, const ForwardOptions& options) const {
  if (tokens_BT.dim() != 2 || tokens_BT.size(1) < 2)
    fail<DataError>("loss", "tokens have shape {}, expected [batch, length] with a length of 2 or more", shape_text(tokens_BT.sizes()));
  const auto inputs_BT = tokens_BT.slice(1, 0, -1);
  ForwardResult result = run(inputs_BT, positions_for(inputs_BT), options);
  const auto logits_NV = result.logits_BTV.view({-1, spec_.vocab_size});
  const auto targets_N = tokens_BT.slice(1, 1).to(logits_NV.device()).reshape(-1);
  const auto largest = targets_N.max().item<std::int64_t>(), smallest = targets_N.min().item<std::int64_t>();
  if (smallest < 0 || largest >= spec_.vocab_size)
    fail<DataError>("loss", "got target {}, expected 0 to {} (the vocabulary)", smallest < 0 ? smallest : largest, spec_.vocab_size - 1);
  return {cross_entropy(logits_NV, targets_N), std::move(result.balance)};
}

Model LanguageModel::as_model(std::string name) const {
  TensorMap detached;
  for (const auto& [key, tensor] : parameters_) detached.emplace(key, tensor.detach());
  return {spec_, std::make_shared<MemorySource>(std::move(detached), fmt::format("model {}", quoted(name))), name};
}

}  // namespace symphony
