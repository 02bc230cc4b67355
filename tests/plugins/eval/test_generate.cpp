// eval.generate.
#include "tests/plugins/eval/eval_fixture.hpp"

#include "core/data/tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

/// Writes a fixed text after whatever it was asked, then starts again.
class Reciter final : public Predictor {
 public:
  explicit Reciter(std::string text) : text_(std::move(text)) {}
  std::int64_t vocab_size() const override { return 259; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState* state) const override {
    const auto next = static_cast<unsigned char>(text_[static_cast<std::size_t>(state->length) % text_.size()]);
    state->length += state->length == 0 ? 1 : tokens_BT.size(1);  // the prompt counts as one place
    torch::Tensor logits = torch::zeros({1, tokens_BT.size(1), 259});
    logits.select(1, tokens_BT.size(1) - 1).select(1, next).fill_(9.0);
    return logits;
  }

 private:
  std::string text_;
};

EvalDomain text_domain(const std::string& name, const std::string& text) {
  std::vector<std::int64_t> ids{256};
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  const torch::Tensor stream = torch::tensor(ids, torch::kLong);
  return {name, false, make_windows(stream, 9, 1, 4), stream};
}

std::vector<EvalRow> rows_of(const Predictor& predictor, Value params, KeepingRecorder& recorder, const std::string& data = {}, const std::vector<EvalDomain>& domains = {}) {
  params.set("task", "t");
  if (!data.empty()) params.set("data", "d.jsonl");
  Subject subject{predictor};
  subject.tokenizer = byte_tokenizer();
  subject.files = {{"d.jsonl", data}};
  return make_plugin<Eval>("generate", params)->evaluate(subject, domains, eval_context(recorder));
}

}  // namespace

TEST_CASE("generate: answers are taken out as lm-evaluation-harness does for GSM8K", "[plugin][eval.generate][known-value]") {
  // gsm8k.yaml of 0.4.13: strict-match is what follows "####", flexible-extract the last number; commas, dollars, all before "#### " and a
  // final dot are ignored.
  const Value params = ValueMap{{"filters", ValueMap{{"strict", ValueMap{{"pattern", R"(#### (\-?[0-9\.\,]+))"}}},
                                                      {"flexible", ValueMap{{"pattern", R"((-?[$0-9.,]{2,})|(-?[0-9]+))"}, {"take", "last"}}}}},
                                {"ignore", ValueList{",", R"(\$)", R"([\s\S]*#### )", R"(\.$)"}}, {"until", "Question:"}};
  const std::string data = "{\"question\": \"How many?\", \"answer\": \"12 times 100 is 1,200.\\n#### 1,200\"}\n{\"question\": \"And now?\", \"answer\": \"#### 7\"}\n";
  const auto values = [&](const std::string& text) {
    KeepingRecorder recorder;
    const auto rows = rows_of(Reciter(text), params, recorder, data);
    CHECK(row_of(rows, "t", "exact_match").filter == "strict");
    CHECK(row_of(rows, "t", "exact_match_flexible").filter == "flexible");
    return std::pair(recorder.arrays.at("item_exact_match").values, recorder.arrays.at("item_exact_match_flexible").values);
  };
  using Values = std::vector<float>;
  CHECK(values("It is 3.\n#### 1200\nQuestion:") == std::pair(Values{1, 0}, Values{1, 0}));
  CHECK(values(" 3 and then $1,200.\nQuestion: 7") == std::pair(Values{0, 0}, Values{1, 0}));
  CHECK(values("so 7 Question:") == std::pair(Values{0, 0}, Values{0, 1}));
  CHECK(values("none Question: ") == std::pair(Values{0, 0}, Values{0, 0}));
}

TEST_CASE("generate: a text ends with any token that the model ends with", "[plugin][eval.generate][known-value]") {
  const std::string data = "{\"question\": \"?\", \"answer\": \"yes\"}\n";
  const Reciter reciter("yes~and so on");
  const auto exact = [&](std::vector<std::int64_t> ends) {
    KeepingRecorder recorder;
    Subject subject{reciter};
    subject.tokenizer = byte_tokenizer();
    subject.files = {{"d.jsonl", data}};
    subject.end_tokens = std::move(ends);
    const auto rows = make_plugin<Eval>("generate", ValueMap{{"task", "t"}, {"data", "d.jsonl"}})->evaluate(subject, {}, eval_context(recorder));
    return row_of(rows, "t", "exact_match").value;
  };
  CHECK(exact({'~'}) == 1.0);
  CHECK(exact({}) == 0.0);
}

TEST_CASE("generate: questions are found in the held-out text of a domain", "[plugin][eval.generate][known-value]") {
  KeepingRecorder recorder;
  const EvalDomain sums = text_domain("sums", "1+1=2\n3+4=7\n2+5=7\n9+9=18\n");
  const auto rows = rows_of(Reciter("7\n"), ValueMap{{"domain", "sums"}, {"prompt", "{question}"}, {"delimiter", ""}, {"separator", "\n"}, {"shots", 1}, {"order", "first"}},
                            recorder, "", {text_domain("other", "no sums here at all"), sums});
  const EvalRow& row = row_of(rows, "t", "exact_match");
  CHECK(row.value == 0.5);
  CHECK(row.n == 4);
  CHECK(row.shots == 1);
  CHECK(row.filter == "none");
  CHECK(recorder.arrays.at("item_exact_match").values == std::vector<float>{0, 1, 1, 0});
  CHECK(recorder.scalars.at("commonest") == 0.5);
}

TEST_CASE("generate: an item's text depends on nothing but the item", "[plugin][eval.generate][invariant]") {
  const LanguageModel model(random_model(tiny_spec({.vocab = 259}), 5), nullptr);
  std::string data;
  for (int row = 0; row < 12; ++row) data += fmt::format("{{\"question\": \"q{0}\", \"answer\": \"{0}\"}}\n", row);
  // Exact here is a text of six tokens without a byte from '@' to '_': about every other one, a fingerprint of the draws.
  const auto matches = [&](const Value& items, double temperature) {
    KeepingRecorder recorder;
    rows_of(model, ValueMap{{"items", items}, {"temperature", temperature}, {"max_tokens", 6}, {"until", ValueList{}}, {"ignore", "[^@-_]"}, {"answer", "x"}}, recorder, data);
    return recorder.arrays.at("item_exact_match").values;
  };
  for (const double temperature : {0.0, 1.0}) {
    CAPTURE(temperature);
    const auto all = matches(0, temperature), some = matches(5, temperature);
    CHECK(some == std::vector<float>(all.begin(), all.begin() + 5));
    CHECK(matches(0, temperature) == all);
    if (temperature > 0.0) CHECK((std::count(all.begin(), all.end(), 1.0f) > 0 && std::count(all.begin(), all.end(), 0.0f) > 0));
  }
}

TEST_CASE("generate: what cannot be asked is refused", "[plugin][eval.generate][wrong-input]") {
  KeepingRecorder recorder;
  CHECK_THROWS_WITH(rows_of(Reciter("1"), ValueMap{}, recorder), Contains("task 't': expected either 'data' or 'domain'"));
  CHECK_THROWS_WITH(rows_of(Reciter("1"), ValueMap{{"domain", "smus"}}, recorder, "", {text_domain("sums", "1+1=2\n12345")}), Contains("no domain 'smus'; did you mean 'sums'?"));
  CHECK_THROWS_WITH(rows_of(Reciter("1"), ValueMap{{"domain", "words"}}, recorder, "", {text_domain("words", "no sums here")}), Contains("matches nothing in the held-out text of domain 'words'"));
  CHECK_THROWS_WITH(rows_of(Reciter("1"), ValueMap{{"domain", "sums"}, {"match", "(a"}}, recorder), Contains("the expression '(a' cannot be read"));
  CHECK_THROWS_WITH(rows_of(Reciter("1"), ValueMap{{"domain", "sums"}, {"match", "(a)"}}, recorder), Contains("'match' has 1 groups, expected two"));
  CHECK_THAT(refusal_of("eval", "generate", ValueMap{{"task", "t"}, {"filters", ValueMap{{"f", ValueMap{{"take", "last"}}}}}}), Contains("pattern"));
}

TEST_CASE("generate: keeps the plugin contract", "[plugin][eval.generate][contract]") {
  const Value params = ValueMap{{"task", "gsm8k"}, {"data", "d.jsonl"}};
  check_contract("eval", "generate", params);
  CHECK(make_plugin<Eval>("generate", params)->label() == "gsm8k");
  CHECK(make_plugin<Eval>("generate", params)->inputs() == std::vector<std::string>{"d.jsonl"});
}
