// The streamed pass and the taps: the same activations as the model in memory, chunk by chunk.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/base/error.hpp"
#include "core/model/layer_streamed.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// Puts every recorded row at its token: [N, width] a (site, layer, expert).
class Collector final : public Tap {
 public:
  explicit Collector(std::int64_t num_tokens) : num_tokens_(num_tokens) {}
  bool wants(Site, std::int64_t) const override { return true; }
  void record(Site site, std::int64_t layer, std::int64_t expert, const torch::Tensor& values, const torch::Tensor& token_rows) override {
    CHECK_FALSE(values.requires_grad());
    auto& all = seen[{site_name(site), layer, expert}];
    if (!all.defined()) all = torch::zeros({num_tokens_, values.size(1)}, torch::kFloat64);
    const auto rows = token_rows.defined() ? token_rows : torch::arange(num_tokens_);
    REQUIRE(rows.size(0) == values.size(0));
    all.index_copy_(0, rows, values.to(torch::kFloat64));
  }
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, torch::Tensor> seen;

 private:
  std::int64_t num_tokens_;
};

void compare(const Collector& left, const Collector& right) {
  REQUIRE(left.seen.size() == right.seen.size());
  for (const auto& [key, values] : left.seen) {
    CAPTURE(std::get<0>(key), std::get<1>(key), std::get<2>(key));
    REQUIRE(right.seen.count(key) == 1);
    // Chunks change the blocking of matrix products, so equality is to rounding.
    CHECK((values - right.seen.at(key)).abs().max().item<double>() < 1e-6 * std::max(1.0, values.abs().max().item<double>()));
  }
}

Model without_routers(const Model& model) {
  TensorMap tensors = load_all(*model.tensors);
  std::erase_if(tensors, [](const auto& entry) { return entry.first.find(".router.") != std::string::npos; });
  return {model.spec, std::make_shared<MemorySource>(tensors, "no routers"), "bare"};
}

/// An embedding that only its rows are read of.
class RowsOfEmbedding final : public TensorSource {
 public:
  explicit RowsOfEmbedding(std::shared_ptr<const TensorSource> source) : source_(std::move(source)) {}
  const std::vector<TensorInfo>& infos() const override { return source_->infos(); }
  torch::Tensor get(std::string_view name) const override {
    if (name == "model.embed_tokens.weight") FAIL("the embedding was read whole");
    return source_->get(name);
  }
  TensorRows by_rows(std::string_view name) const override { return source_->by_rows(name); }
  std::string label() const override { return source_->label(); }

 private:
  std::shared_ptr<const TensorSource> source_;
};

}  // namespace

TEST_CASE("layer-streamed pass: an embedding that is no head is not read whole", "[core][model]") {
  const Model source = random_model(tiny_spec(), 2);
  LayerStreamed stream({source.spec, std::make_shared<RowsOfEmbedding>(source.tensors), "by rows"}, random_tokens(2, 6, source.spec.vocab_size, 2), nullptr);
  run_all(stream, nullptr);
  CHECK(stream.logits(0).isfinite().all().item<bool>());
}

TEST_CASE("layer-streamed pass: activations and logits of LanguageModel, whatever the chunks", "[core][model]") {
  TinyOptions options;
  options.num_experts = GENERATE(0, 4);
  const ModelSpec spec = tiny_spec(options);
  const Model source = random_model(spec, 2);
  const std::shared_ptr<const Router> router = spec.moe ? std::make_shared<LinearRouter>(2) : nullptr;
  const auto tokens_NT = random_tokens(7, 6, spec.vocab_size, 2);
  const LanguageModel model(source, router);
  Collector whole(42), streamed(42);
  ForwardOptions forward;
  forward.tap = &whole;
  const auto logits_NTV = model.run(tokens_NT, positions_for(tokens_NT), forward).logits_BTV;

  StreamOptions stream_options;
  stream_options.chunk_tokens = GENERATE(1, 13, 1000);
  LayerStreamed stream(source, tokens_NT, router, stream_options);
  run_all(stream, &streamed);
  compare(whole, streamed);
  CHECK(whole.seen.size() == (spec.moe ? 1 + 2 * (5 + 3 + 2 * 4) : 1 + 2 * 7));
  std::vector<torch::Tensor> logits;
  for (std::int64_t chunk = 0; chunk < stream.num_chunks(); ++chunk) logits.push_back(stream.logits(chunk));
  CHECK((torch::cat(logits) - logits_NTV).abs().max().item<double>() < 1e-5);
}

TEST_CASE("taps: sites hold what their names say", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  const LanguageModel model(random_model(spec, 2), nullptr);
  const auto tokens_BT = random_tokens(2, 5, spec.vocab_size, 2);
  Collector tap(10);
  ForwardOptions options;
  options.tap = &tap;
  model.run(tokens_BT, positions_for(tokens_BT), options);
  const auto at = [&](const char* site, std::int64_t layer) { return tap.seen.at({site, layer, -1}); };
  CHECK(at("embedding", 0).equal(at("residual_in", 0)));
  CHECK(at("residual", 0).equal(at("residual_in", 1)));
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    CHECK((at("residual_in", layer) + at("attention_out", layer) + at("ffn_out", layer) - at("residual", layer)).abs().max().item<double>() < 1e-6);
    const auto down = model.parameters().at(layer_prefix(layer) + "mlp.down_proj.weight").to(torch::kFloat64);
    CHECK((torch::linear(at("ffn_hidden", layer), down) - at("ffn_out", layer)).abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("layer-streamed pass: a layer's router may be made from that layer's own ffn_in", "[core][model]") {
  TinyOptions options;
  options.num_experts = 3;
  const ModelSpec spec = tiny_spec(options);
  const Model source = random_model(spec, 9);
  const auto router = std::make_shared<LinearRouter>(2);
  const auto tokens_NT = random_tokens(4, 6, spec.vocab_size, 9);
  Collector whole(24), streamed(24);
  ForwardOptions forward;
  forward.tap = &whole;
  LanguageModel(source, router).run(tokens_NT, positions_for(tokens_NT), forward);

  LayerStreamed stream(without_routers(source), tokens_NT, router, {6, torch::kCPU, torch::kFloat32});
  run_all(stream, &streamed, [&](std::int64_t layer) {
    CHECK((streamed.seen.at({"ffn_in", layer, -1}) - whole.seen.at({"ffn_in", layer, -1})).abs().max().item<double>() < 2e-6);
    return TensorMap{{"weight", source.tensors->get(layer_prefix(layer) + "mlp.router.weight")}};
  });
  compare(whole, streamed);
}

TEST_CASE("layer-streamed pass: steps out of order are refused", "[core][model]") {
  TinyOptions options;
  options.num_experts = 3;
  const ModelSpec spec = tiny_spec(options);
  const auto tokens_NT = random_tokens(2, 4, spec.vocab_size, 1);
  LayerStreamed stream(without_routers(random_model(spec, 1)), tokens_NT, std::make_shared<LinearRouter>(1));
  CHECK_THROWS_WITH(stream.load_layer(1), "layer-streamed pass: asked for layer 1, expected 0 of 2");
  stream.load_layer(0);
  CHECK_THROWS_AS(stream.run_ffn(0, nullptr), DataError);
  stream.run_attention(0, nullptr);
  CHECK_THROWS_WITH(stream.run_ffn(0, nullptr), Catch::Contains("has no router parameters yet"));
  CHECK_THROWS_WITH(stream.set_router_parameters({{"weight", torch::ones({2, 2})}}), Catch::Contains("has shape [2, 2], expected [3, 32]"));
  CHECK_THROWS_AS(stream.logits(0), DataError);
}

TEST_CASE("taps: site names go both ways, and a wrong one is told the nearest", "[core][model]") {
  for (const std::string& name : site_names()) CHECK(site_name(site_from_name(name)) == name);
  CHECK_THROWS_WITH(site_from_name("ffn_hiden"), Catch::Contains("did you mean 'ffn_hidden'"));
}
