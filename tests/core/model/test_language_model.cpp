// The forward pass against the float64 reference, in every architectural option; decoding; what it refuses.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/language_model.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/reference_forward.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr double kRounding32 = 1e-5;  // float32 against float64, logits of order 1

std::vector<std::int64_t> row_of(const torch::Tensor& tokens_BT, std::int64_t row) {
  const auto row_T = tokens_BT[row].contiguous();
  return {row_T.data_ptr<std::int64_t>(), row_T.data_ptr<std::int64_t>() + row_T.numel()};
}

double largest_difference(const torch::Tensor& logits_TV, const std::vector<std::vector<double>>& reference) {
  double result = 0.0;
  for (std::size_t token = 0; token < reference.size(); ++token)
    for (std::size_t entry = 0; entry < reference[token].size(); ++entry)
      result = std::max(result, std::abs(logits_TV[static_cast<std::int64_t>(token)][static_cast<std::int64_t>(entry)].item<double>() - reference[token][entry]));
  return result;
}

std::shared_ptr<const Router> router_for(const ModelSpec& spec) {
  return spec.moe ? std::make_shared<LinearRouter>(2) : nullptr;
}

}  // namespace

TEST_CASE("language model: logits equal the float64 reference in every architectural option", "[core][model]") {
  const std::uint64_t seed = GENERATE(1, 2);
  CAPTURE(seed);
  const std::string option = GENERATE(as<std::string>{}, "grouped queries", "a KV head a query head", "one KV head", "Qwen2: biases, tied head", "top 2 of 4 experts");
  CAPTURE(option);
  TinyOptions options;
  if (option == "a KV head a query head") options.kv_heads = options.heads;
  if (option == "one KV head") options.kv_heads = 1;
  if (option == "Qwen2: biases, tied head") options.qkv_bias = options.tied_head = true;
  if (option == "top 2 of 4 experts") options.num_experts = 4;
  ModelSpec spec = tiny_spec(options);
  if (spec.moe) spec.moe->output_scale = 0.75;
  const Model source = random_model(spec, seed);
  const LanguageModel model(source, router_for(spec));
  const auto tokens_BT = random_tokens(3, 11, spec.vocab_size, seed);
  const auto logits_BTV = model.forward(tokens_BT, positions_for(tokens_BT));

  REQUIRE(logits_BTV.sizes() == torch::IntArrayRef({3, 11, spec.vocab_size}));
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto reference = reference_forward(spec, model.parameters(), row_of(tokens_BT, row), reference_linear_router(model.parameters(), 2));
    CHECK(largest_difference(logits_BTV[row], reference) < kRounding32);
  }
}

TEST_CASE("language model: in float64 the logits equal the reference to rounding", "[core][model]") {
  TinyOptions options;
  options.num_experts = GENERATE(0, 3);
  const ModelSpec spec = tiny_spec(options);
  const LanguageModel model(random_model(spec, 5), router_for(spec), torch::kCPU, torch::kFloat64);
  const auto tokens_BT = random_tokens(1, 9, spec.vocab_size, 5);
  const auto reference = reference_forward(spec, model.parameters(), row_of(tokens_BT, 0), reference_linear_router(model.parameters(), 2));
  CHECK(largest_difference(model.forward(tokens_BT, positions_for(tokens_BT))[0], reference) < 1e-12);
}

TEST_CASE("language model: loss is the reference's cross-entropy of the next tokens", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  const LanguageModel model(random_model(spec, 3), nullptr);
  const auto tokens_BT = random_tokens(1, 12, spec.vocab_size, 3);
  const auto row = row_of(tokens_BT, 0);
  const auto logits = reference_forward(spec, model.parameters(), {row.begin(), row.end() - 1});
  const LossResult loss = model.loss(tokens_BT, {});
  CHECK(loss.nats.item<double>() == Approx(reference_cross_entropy(logits, {row.begin() + 1, row.end()})).epsilon(1e-5));
  CHECK_FALSE(loss.balance.defined());
}

TEST_CASE("language model: prefill and token-by-token decoding equal the full pass", "[core][model]") {
  TinyOptions options;
  options.num_experts = GENERATE(0, 4);
  options.qkv_bias = true;
  const ModelSpec spec = tiny_spec(options);
  const LanguageModel model(random_model(spec, 7), router_for(spec));
  const auto tokens_BT = random_tokens(2, 10, spec.vocab_size, 7);
  const auto whole_BTV = model.forward(tokens_BT, positions_for(tokens_BT));

  DecodeState state;
  std::vector<torch::Tensor> parts;
  for (const auto& [first, end] : {std::pair{0, 4}, std::pair{4, 5}, std::pair{5, 8}, std::pair{8, 10}}) {
    const auto part_BT = tokens_BT.slice(1, first, end);
    parts.push_back(model.forward(part_BT, positions_for(part_BT, state.length), &state));
  }
  CHECK(state.length == 10);
  CHECK(state.layers[0].keys_BGTH.sizes() == torch::IntArrayRef({2, 2, 10, 8}));
  CHECK((torch::cat(parts, 1) - whole_BTV).abs().max().item<double>() < kRounding32);
}

TEST_CASE("language model: a token's logits do not depend on later tokens or other rows", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  const LanguageModel model(random_model(spec, 8), nullptr);
  auto tokens_BT = random_tokens(2, 10, spec.vocab_size, 8);
  const auto before_BTV = model.forward(tokens_BT, positions_for(tokens_BT));
  tokens_BT.slice(1, 6).fill_(1);
  tokens_BT[1].fill_(2);
  const auto after_BTV = model.forward(tokens_BT, positions_for(tokens_BT));
  CHECK((after_BTV[0].slice(0, 0, 6) - before_BTV[0].slice(0, 0, 6)).abs().max().item<double>() < 1e-6);
  CHECK((after_BTV[0].slice(0, 6) - before_BTV[0].slice(0, 6)).abs().max().item<double>() > 1e-2);
}

TEST_CASE("ensemble: the uniform mixture of its members' distributions, also while decoding", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  const auto a = std::make_shared<LanguageModel>(random_model(spec, 1), nullptr);
  const auto b = std::make_shared<LanguageModel>(random_model(spec, 2), nullptr);
  const Ensemble ensemble({a, b});
  const auto tokens_BT = random_tokens(2, 6, spec.vocab_size, 1);
  const auto positions_BT = positions_for(tokens_BT);
  const auto expected = ((a->forward(tokens_BT, positions_BT).softmax(-1) + b->forward(tokens_BT, positions_BT).softmax(-1)) / 2).log();
  CHECK((ensemble.forward(tokens_BT, positions_BT, nullptr) - expected).abs().max().item<double>() < kRounding32);

  DecodeState state;
  const auto first = ensemble.forward(tokens_BT.slice(1, 0, 5), positions_BT.slice(1, 0, 5), &state);
  const auto last = ensemble.forward(tokens_BT.slice(1, 5), positions_BT.slice(1, 5), &state);
  CHECK((torch::cat({first, last}, 1) - expected).abs().max().item<double>() < kRounding32);
}

TEST_CASE("ensemble: posterior weights follow what each member said of the sequence so far, also while decoding", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  const std::vector<std::shared_ptr<const Predictor>> members{std::make_shared<LanguageModel>(random_model(spec, 1), nullptr),
                                                              std::make_shared<LanguageModel>(random_model(spec, 2), nullptr),
                                                              std::make_shared<LanguageModel>(random_model(spec, 3), nullptr)};
  const Ensemble ensemble(members, EnsembleWeights::posterior);
  const std::int64_t length = 6;
  const auto tokens_BT = random_tokens(2, length, spec.vocab_size, 1), positions_BT = positions_for(tokens_BT);
  std::vector<torch::Tensor> p_BTV;
  for (const auto& member : members) p_BTV.push_back(member->forward(tokens_BT, positions_BT).to(torch::kFloat64).softmax(-1));
  // Bayes' rule written out, token by token.
  torch::Tensor expected = torch::empty({2, length, spec.vocab_size}, torch::kFloat64);
  for (std::int64_t row = 0; row < 2; ++row) {
    std::vector<double> weight(members.size(), 1.0 / static_cast<double>(members.size()));
    for (std::int64_t place = 0; place < length; ++place) {
      torch::Tensor mixture = torch::zeros({spec.vocab_size}, torch::kFloat64);
      for (std::size_t member = 0; member < members.size(); ++member) mixture += weight[member] * p_BTV[member][row][place];
      expected[row][place] = mixture.log();
      if (place + 1 == length) break;
      double total = 0;
      for (std::size_t member = 0; member < members.size(); ++member)
        total += weight[member] *= p_BTV[member][row][place][tokens_BT[row][place + 1].item<std::int64_t>()].item<double>();
      for (double& of_member : weight) of_member /= total;
    }
  }
  CHECK((ensemble.forward(tokens_BT, positions_BT, nullptr) - expected).abs().max().item<double>() < 1e-5);
  CHECK((Ensemble(members).forward(tokens_BT, positions_BT, nullptr) - expected).abs().max().item<double>() > 1e-3);

  DecodeState state;
  std::vector<torch::Tensor> decoded{ensemble.forward(tokens_BT.slice(1, 0, 3), positions_BT.slice(1, 0, 3), &state)};
  for (std::int64_t place = 3; place < length; ++place)
    decoded.push_back(ensemble.forward(tokens_BT.slice(1, place, place + 1), positions_BT.slice(1, place, place + 1), &state));
  CHECK((torch::cat(decoded, 1) - expected).abs().max().item<double>() < 1e-5);
}

TEST_CASE("language model: its parameters are a copy, and as_model shares them", "[core][model]") {
  const Model source = random_model(tiny_spec(), 4);
  const LanguageModel model(source, nullptr);
  const auto& norm = model.parameters().at("model.norm.weight");
  CHECK(norm.data_ptr<float>() != source.tensors->get("model.norm.weight").data_ptr<float>());
  CHECK(norm.data_ptr<float>() == model.as_model("copy").tensors->get("model.norm.weight").data_ptr<float>());
}

TEST_CASE("language model: wrong tensors, tokens and routers are refused by name", "[core][model]") {
  const ModelSpec spec = tiny_spec();
  TensorMap tensors = load_all(*random_model(spec, 4).tensors);
  const auto build = [&] { return LanguageModel({spec, std::make_shared<MemorySource>(tensors, "test"), "m"}, nullptr); };
  SECTION("missing") {
    tensors.erase("model.norm.weight");
    CHECK_THROWS_WITH(build(), Catch::Contains("model.norm.weight"));
  }
  SECTION("misshapen") {
    tensors["model.norm.weight"] = torch::ones({3});
    CHECK_THROWS_WITH(build(), "model 'm': tensor 'model.norm.weight' has shape [3], expected [32] by its spec");
  }
  SECTION("extra") {
    tensors["model.layers.9.x"] = torch::ones({3});
    CHECK_THROWS_WITH(build(), "model 'm': tensor 'model.layers.9.x' is not part of its spec");
  }
  SECTION("router") {
    CHECK_THROWS_WITH(LanguageModel(random_model(spec, 4), std::make_shared<LinearRouter>(1)), Catch::Contains("is dense but got a router"));
  }
  SECTION("token outside the vocabulary") {
    const auto tokens_BT = torch::full({1, 3}, 61, torch::kInt64);
    CHECK_THROWS_WITH(build().forward(tokens_BT, positions_for(tokens_BT)), "decoder: got token 61, expected 0 to 60 (the vocabulary)");
  }
}

TEST_CASE("language model: a pass in bfloat16 is the float32 pass to its rounding", "[core][model]") {
  TinyOptions options;
  options.qkv_bias = options.tied_head = GENERATE(false, true);
  const Model source = random_model(tiny_spec(options), 8);
  const LanguageModel exact(source, nullptr), held(source, nullptr, torch::kCPU, torch::kBFloat16);
  const auto tokens_BT = random_tokens(2, 9, source.spec.vocab_size, 8);
  const auto expected_BTV = exact.forward(tokens_BT, positions_for(tokens_BT)), rounded_BTV = held.forward(tokens_BT, positions_for(tokens_BT));
  CHECK(rounded_BTV.scalar_type() == torch::kFloat32);
  ForwardOptions mixed;
  mixed.dtype = torch::kBFloat16;
  const auto mixed_BTV = exact.run(tokens_BT, positions_for(tokens_BT), mixed).logits_BTV;
  const double scale = expected_BTV.abs().max().item<double>(), change = (rounded_BTV - expected_BTV).abs().max().item<double>() / scale;
  CHECK(change > 1e-4);  // it was computed in bfloat16
  CHECK(change < 0.05);
  CHECK((mixed_BTV - rounded_BTV).abs().max().item<double>() < 1e-6 * scale);
}

TEST_CASE("language model: routing stays in float32 whatever the pass is in", "[core][model]") {
  TinyOptions options;
  options.num_experts = 3;
  const Model source = random_model(tiny_spec(options), 9);
  const auto router = router_for(source.spec);
  const LanguageModel held(source, router, torch::kCPU, torch::kBFloat16), trained(source, router);
  for (const auto& [name, tensor] : held.parameters()) {
    CAPTURE(name);
    CHECK(tensor.scalar_type() == (name.find("router") == std::string::npos ? torch::kBFloat16 : torch::kFloat32));
  }
  const auto tokens_BT = random_tokens(2, 9, source.spec.vocab_size, 9);
  CHECK(held.forward(tokens_BT, positions_for(tokens_BT)).isfinite().all().item<bool>());

  for (const auto& [name, tensor] : trained.parameters()) torch::Tensor(tensor).set_requires_grad(true);
  ForwardOptions mixed;
  mixed.dtype = torch::kBFloat16;
  trained.loss(tokens_BT, mixed).nats.backward();
  for (const auto& [name, tensor] : trained.parameters()) {
    CAPTURE(name);
    REQUIRE(tensor.grad().defined());
    CHECK(tensor.grad().scalar_type() == torch::kFloat32);
    CHECK(tensor.grad().isfinite().all().item<bool>());
  }
}

TEST_CASE("language model: on a CUDA device the logits and the gradients are the CPU's", "[core][model][gpu]") {
  if (!at::hasCUDA()) {
    SUCCEED("no CUDA device here");
    return;
  }
  TinyOptions options;
  options.num_experts = GENERATE(0, 3);
  const Model source = random_model(tiny_spec(options), 10);
  const LanguageModel here(source, router_for(source.spec)), there(source, router_for(source.spec), torch::kCUDA);
  const auto tokens_BT = random_tokens(2, 9, source.spec.vocab_size, 10);
  CHECK(torch::allclose(there.forward(tokens_BT, positions_for(tokens_BT)).cpu(), here.forward(tokens_BT, positions_for(tokens_BT)), 1e-4, 1e-4));
  for (const LanguageModel* model : {&here, &there}) {
    for (const auto& [name, tensor] : model->parameters()) torch::Tensor(tensor).set_requires_grad(true);
    model->loss(tokens_BT, {}).nats.backward();
  }
  for (const auto& [name, tensor] : here.parameters()) {
    CAPTURE(name);
    CHECK(torch::allclose(there.parameters().at(name).grad().cpu(), tensor.grad(), 1e-3, 1e-5));
  }
}
