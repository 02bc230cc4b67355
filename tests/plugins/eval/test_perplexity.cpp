// eval.perplexity.
#include "tests/plugins/eval/eval_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

class UniformBytes final : public Predictor {
 public:
  std::int64_t vocab_size() const override { return 259; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState*) const override {
    torch::Tensor logits_V = torch::full({259}, -1e9);
    logits_V.slice(0, 0, 256).zero_();
    return logits_V.expand({tokens_BT.size(0), tokens_BT.size(1), 259});
  }
};

EvalDomain text_domain(const std::string& name, const std::string& text, bool ood = false) {
  std::vector<std::int64_t> ids = byte_tokenizer()->encode(text);
  ids.insert(ids.begin(), 256);
  const torch::Tensor stream = torch::tensor(ids, torch::kLong);
  return {name, ood, make_windows(stream, 9, 1, 4), stream};
}

std::vector<EvalRow> rows_of(const Predictor& predictor, const std::vector<EvalDomain>& domains, const Value& params = ValueMap{}) {
  KeepingRecorder recorder;
  Subject subject{predictor};
  subject.tokenizer = byte_tokenizer();
  return make_plugin<Eval>("perplexity", params)->evaluate(subject, domains, eval_context(recorder));
}

}  // namespace

TEST_CASE("perplexity: a uniform model over bytes has 256 a token, and a word pays for all its bytes", "[plugin][eval.perplexity][known-value]") {
  const auto rows = rows_of(UniformBytes(), {text_domain("prose", "one two  three\nfour")}, ValueMap{{"length", 6}, {"context", 2}});
  CHECK(row_of(rows, "prose", "token_perplexity").value == Approx(256.0));
  CHECK(row_of(rows, "prose", "byte_perplexity").value == Approx(256.0));
  CHECK(row_of(rows, "prose", "word_perplexity").value == Approx(std::exp2(8.0 * 19 / 4)));  // 19 bytes, four words
  CHECK(row_of(rows, "prose", "rolling_bits_per_byte").value == Approx(8.0));
  CHECK(row_of(rows, "in_domain", "rolling_bits_per_byte").value == Approx(8.0));
  CHECK(row_of(rows, "prose", "token_perplexity").std_error == Approx(0.0).margin(1e-6));
}

TEST_CASE("perplexity: a text in one window is the chain rule from BOS on", "[plugin][eval.perplexity][known-value]") {
  const LanguageModel model(random_model(tiny_spec({.vocab = 259}), 4), nullptr);
  const EvalDomain domain = text_domain("prose", "every token is scored once");
  const torch::Tensor tokens_1T = domain.stream.unsqueeze(0);
  const double nats = model.loss(tokens_1T, {}).nats.item<double>();
  CHECK(row_of(rows_of(model, {domain}), "prose", "token_perplexity").value == Approx(std::exp(nats)).epsilon(1e-5));
}

TEST_CASE("perplexity: batch size and other domains change nothing, context changes the value", "[plugin][eval.perplexity][invariant]") {
  const LanguageModel model(random_model(tiny_spec({.vocab = 259}), 4), nullptr);
  std::string text;
  for (int word = 0; word < 60; ++word) text += fmt::format("w{} ", word * word % 37);
  const EvalDomain a = text_domain("a", text), b = text_domain("b", text + text, true);
  const auto value = [&](const Value& params, const std::vector<EvalDomain>& domains) { return row_of(rows_of(model, domains, params), "a", "token_perplexity").value; };
  const double alone = value(ValueMap{{"length", 16}, {"context", 8}}, {a});
  CHECK(value(ValueMap{{"length", 16}, {"context", 8}}, {b, a}) == alone);
  CHECK(value(ValueMap{{"length", 16}, {"context", 8}, {"batch_size", 7}}, {a}) == Approx(alone).epsilon(1e-6));
  CHECK(value(ValueMap{{"length", 16}, {"context", 1}}, {a}) != Approx(alone).epsilon(1e-6));
}

TEST_CASE("perplexity: a context longer than the window and text without words are refused", "[plugin][eval.perplexity][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Eval>("perplexity", ValueMap{{"length", 8}, {"context", 9}}), Contains("got context 9 and length 8"));
  CHECK_THROWS_WITH(rows_of(UniformBytes(), {text_domain("blank", "   \n\n   ")}), Contains("domain 'blank' has no word in its 8 tokens"));
}

TEST_CASE("perplexity: keeps the plugin contract", "[plugin][eval.perplexity][contract]") { check_contract("eval", "perplexity"); }
