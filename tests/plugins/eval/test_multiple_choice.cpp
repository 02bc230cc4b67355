// eval.multiple_choice.
#include "tests/plugins/eval/eval_fixture.hpp"

#include <cmath>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/model/checkpoint.hpp"
#include "core/score/questions.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

/// Knows what bytes cost, whatever came before: 'a' the least, 'b' more, and so on.
class CheapLetters final : public Predictor {
 public:
  std::int64_t vocab_size() const override { return 259; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState*) const override {
    torch::Tensor logits_V = torch::full({259}, -4.0);
    for (std::int64_t letter = 'a'; letter <= 'z'; ++letter) logits_V[letter] = -0.5 * static_cast<double>(letter - 'a');
    return logits_V.expand({tokens_BT.size(0), tokens_BT.size(1), 259}).contiguous();
  }
};

std::vector<EvalRow> rows_of(const Predictor& predictor, const std::string& data, Value params, KeepingRecorder& recorder, const std::string& examples = {}) {
  params.set("task", "t");
  params.set("data", "d.jsonl");
  if (!examples.empty()) params.set("examples", "e.jsonl");
  Subject subject{predictor};
  subject.tokenizer = byte_tokenizer();
  subject.files = {{"d.jsonl", data}, {"e.jsonl", examples}};
  return make_plugin<Eval>("multiple_choice", params)->evaluate(subject, {}, eval_context(recorder));
}

double value_of(const std::string& metric, const std::string& data, Value params = ValueMap{}) {
  KeepingRecorder recorder;
  params.set("metrics", metric);
  return row_of(rows_of(CheapLetters(), data, params, recorder), "t", metric).value;
}

}  // namespace

TEST_CASE("multiple_choice: agrees with lm-evaluation-harness on a random model", "[plugin][eval.multiple_choice][known-value]") {
  const std::string folder = SYMPHONY_SOURCE_DIR "/tests/reference/multiple_choice/";
  const Value golden = parse_json(read_text(folder + "golden.json"), "golden.json");
  const LanguageModel model(read_checkpoint(folder + "model"), nullptr);
  const std::string data = read_text(folder + "items.jsonl"), examples = read_text(folder + "examples.jsonl");
  REQUIRE(golden.find("tasks")->as_map().size() >= 3);
  for (const auto& [name, task] : golden.find("tasks")->as_map()) {
    CAPTURE(name);
    KeepingRecorder recorder;
    const auto rows = rows_of(model, data, *task.find("params"), recorder, examples);
    for (const auto& [metric, expected] : task.find("metrics")->as_map()) {
      CAPTURE(metric);
      const EvalRow& row = row_of(rows, "t", metric);
      CHECK(row.value == Approx(expected.find("value")->as_double()).epsilon(1e-5));
      CHECK(row.std_error == Approx(expected.find("stderr")->as_double()).epsilon(1e-4));
      CHECK(row.n == 20);
    }
    const auto& scores = recorder.arrays.at("log_likelihood").values;
    const ValueList& expected = task.find("log_likelihood")->as_list();
    for (std::size_t item = 0; item < expected.size(); ++item)
      for (std::size_t choice = 0; choice < expected[item].as_list().size(); ++choice)
        CHECK(scores[item * scores.size() / expected.size() + choice] == Approx(expected[item].as_list()[choice].as_double()).epsilon(2e-5));
  }
}

TEST_CASE("multiple_choice: each metric by hand", "[plugin][eval.multiple_choice][known-value]") {
  // Without delimiter: "b" costs 0.5 more than "a" for each letter; the normalising constant z of a letter is the same everywhere.
  const Value plain = ValueMap{{"prompt", "x"}, {"delimiter", ""}};
  const std::string short_wins = R"({"choices": ["aaaa", "b"], "answer": 1})" "\n";
  CHECK(value_of("acc", short_wins, plain) == 1.0);       // four letters cost more than one
  CHECK(value_of("acc_norm", short_wins, plain) == 0.0);  // each of them less
  CHECK(value_of("acc_bytes", short_wins, plain) == 0.0);
  // Two-byte letters: per character "\u00e9" is worse than "bc", per byte it is better than it is per character.
  const std::string accent = "{\"choices\": [\"\xC3\xA9\", \"jjj\"], \"answer\": 0}\n";  // costs 2 (4 + z) and 3 (4.5 + z)
  CHECK(value_of("acc_norm", accent, plain) == 0.0);
  CHECK(value_of("acc_bytes", accent, plain) == 1.0);
  const double mass = std::exp(-0.5) + std::exp(-1.0);
  CHECK(value_of("mc2", R"({"choices": ["a", "b", "c"], "answer": [0, 1, 1]})", plain) == Approx(mass / (1.0 + mass)));
  CHECK(value_of("mc1", R"({"choices": ["a", "b", "c"], "answer": [0, 1, 1]})", plain) == 0.0);
}

TEST_CASE("multiple_choice: rows of the published tasks convert by template alone", "[plugin][eval.multiple_choice][known-value]") {
  // Made-up rows in the columns of each data set. CheapLetters prefers the earliest label, or the choice of cheapest letters.
  const ValueList letters{"A", "B", "C", "D"};
  SECTION("MMLU") {
    const Value params = ValueMap{{"prompt", "{question|strip}\nA. {choices.0}\nB. {choices.1}\nC. {choices.2}\nD. {choices.3}\nAnswer:"}, {"choices", letters}, {"group", "{subject}"}};
    KeepingRecorder recorder;
    const auto rows = rows_of(CheapLetters(), "{\"question\": \"Q?\", \"subject\": \"law\", \"choices\": [\"w\", \"x\", \"y\", \"z\"], \"answer\": 0}\n"
                              "{\"question\": \"Q?\", \"subject\": \"physics\", \"choices\": [\"w\", \"x\", \"y\", \"z\"], \"answer\": 3}\n", params, recorder);
    CHECK(row_of(rows, "t/law", "acc").value == 1.0);  // all labels cost the same: the first
    CHECK(row_of(rows, "t/physics", "acc").value == 0.0);
    CHECK(row_of(rows, "t", "acc").value == 0.5);
  }
  SECTION("ARC") {
    const Value params = ValueMap{{"choices", "{choices.text}"}, {"labels", "{choices.label}"}, {"answer", "{answerKey}"}};
    CHECK(value_of("acc", R"({"question": "Q?", "choices": {"text": ["z", "a"], "label": ["1", "2"]}, "answerKey": "2"})", params) == 1.0);
    CHECK(value_of("acc", R"({"question": "Q?", "choices": {"text": ["z", "a"], "label": ["A", "B"]}, "answerKey": "A"})", params) == 0.0);
  }
  SECTION("HellaSwag") {
    const Value params = ValueMap{{"prompt", "{activity_label|unmark}: {ctx_a|unmark} {ctx_b|capitalize|unmark}"}, {"choices", "{endings|unmark}"}, {"answer", "{label}"}};
    CHECK(value_of("acc_norm", R"({"activity_label": "Run", "ctx_a": "He runs.", "ctx_b": "she", "endings": ["zz [step]", "aa", "zy", "zx"], "label": "1"})", params) == 1.0);
  }
  SECTION("MedMCQA") {
    const Value params = ValueMap{{"prompt", "Question: {question}\nChoices:\nA. {opa}\nB. {opb}\nC. {opc}\nD. {opd}\nAnswer:"}, {"choices", letters}, {"answer", "{cop}"}};
    CHECK(value_of("acc", R"({"question": "Q?", "opa": "p", "opb": "q", "opc": "r", "opd": "s", "cop": 0})", params) == 1.0);
  }
  SECTION("TruthfulQA") {
    const Value params = ValueMap{{"prompt", "Q: {question}\nA:"}, {"choices", "{mc2_targets.choices}"}, {"answer", "{mc2_targets.labels}"}};
    const std::string row = R"({"question": "Q?", "mc2_targets": {"choices": ["a", "b", "b"], "labels": [1, 1, 0]}})";
    CHECK(value_of("mc1", row, params) == 1.0);
    CHECK(value_of("mc2", row, params) == Approx((1 + std::exp(-0.5)) / (1 + 2 * std::exp(-0.5))));
  }
}

TEST_CASE("multiple_choice: batch size and the other items change nothing", "[plugin][eval.multiple_choice][invariant]") {
  const LanguageModel model(random_model(tiny_spec({.vocab = 259}), 5), nullptr);
  std::string data;
  for (int row = 0; row < 10; ++row) data += fmt::format("{{\"question\": \"q{0}\", \"choices\": [\"ab{0}\", \"cd{0}\", \"e\", \"f\"], \"answer\": {1}}}\n", row, row % 4);
  const auto scores = [&](Value params) {
    KeepingRecorder recorder;
    rows_of(model, data, std::move(params), recorder);
    return recorder.arrays.at("log_likelihood").values;
  };
  const auto alone = scores(ValueMap{{"shots", 2}}), batched = scores(ValueMap{{"shots", 2}, {"batch_size", 4}});
  REQUIRE(alone.size() == batched.size());
  for (std::size_t index = 0; index < alone.size(); ++index) CHECK(batched[index] == Approx(alone[index]).epsilon(1e-6));
  const auto some = scores(ValueMap{{"shots", 2}, {"items", 3}});
  CHECK(some == std::vector<float>(alone.begin(), alone.begin() + static_cast<std::ptrdiff_t>(some.size())));
}

TEST_CASE("multiple_choice: rows that cannot be scored are refused by name", "[plugin][eval.multiple_choice][wrong-input]") {
  CHECK_THROWS_WITH(value_of("acc", ""), Contains("task 't' has no questions"));
  CHECK_THROWS_WITH(value_of("acc", R"({"question": "q", "choices": ["a"], "answer": 0})"), Contains("row 1: got 1 choices, expected at least 2"));
  CHECK_THROWS_WITH(value_of("acc", R"({"question": "q", "choices": ["a", "b"], "answer": 2})"), Contains("the answer '2' is none of the labels"));
  CHECK_THROWS_WITH(value_of("acc", R"({"question": "q", "choices": ["a", ""], "answer": 0})"), Contains("row 1: got an empty choice"));
  CHECK_THROWS_WITH(value_of("acc", R"({"question": "q", "choices": ["a", "b"], "answer": [0, 0]})"), Contains("row 1: no choice is right"));
  CHECK_THROWS_WITH(value_of("acc", R"({"question": "q", "choices": ["a", "b"], "key": "A"})", ValueMap{{"labels", "A"}, {"answer", "{key}"}}),
                    Contains("got 1 labels for 2 choices"));
  CHECK_THAT(refusal_of("eval", "multiple_choice", ValueMap{{"task", "t"}}), Contains("data"));
  const Value wrong = ValueMap{{"task", "t"}, {"data", "d"}, {"choices", "{a|strp}"}};
  CHECK_THROWS_WITH(make_plugin<Eval>("multiple_choice", wrong), Contains("unknown filter 'strp' in a template; did you mean 'strip'?"));
}

TEST_CASE("multiple_choice: a tokenizer with neither BOS nor EOS serves all but the mutual information", "[plugin][eval.multiple_choice][wrong-input]") {
  const CheapLetters predictor;
  Subject subject{predictor};
  subject.tokenizer = tiny_tokenizer({"ab"}, {});
  REQUIRE_FALSE((subject.tokenizer->special().bos || subject.tokenizer->special().eos));
  subject.files = {{"d.jsonl", R"({"question": "q", "choices": ["b", "a"], "answer": 1})"}};
  const auto rows = [&](const char* metric) {
    KeepingRecorder recorder;
    return make_plugin<Eval>("multiple_choice", ValueMap{{"task", "t"}, {"data", "d.jsonl"}, {"metrics", metric}})->evaluate(subject, {}, eval_context(recorder));
  };
  CHECK(row_of(rows("acc"), "t", "acc").value == 1.0);
  CHECK_THROWS_WITH(rows("acc_mutual_info"), Contains("the context is empty and the tokenizer has neither BOS nor EOS"));
}

TEST_CASE("multiple_choice: keeps the plugin contract", "[plugin][eval.multiple_choice][contract]") {
  const Value params = ValueMap{{"task", "arc"}, {"data", "d.jsonl"}, {"examples", "e.jsonl"}};
  check_contract("eval", "multiple_choice", params);
  const auto suite = make_plugin<Eval>("multiple_choice", params);
  CHECK(suite->label() == "arc");
  CHECK(suite->inputs() == std::vector<std::string>{"d.jsonl", "e.jsonl"});
}
