// eval.routing.
#include "tests/plugins/eval/eval_fixture.hpp"

#include <cmath>

#include "core/score/estimators.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

struct Outcome {
  std::vector<EvalRow> rows;
  KeepingRecorder recorder;
};

Outcome evaluate(const LanguageModel& model, const std::vector<EvalDomain>& domains, std::vector<std::string> expert_domains) {
  Outcome outcome;
  outcome.rows = make_plugin<Eval>("routing")->evaluate({model, &model, expert_domains, expert_domains}, domains, eval_context(outcome.recorder));
  return outcome;
}

/// Sends every token to expert 0 with a weight that is not finite, or with a logit of expert 2 that is not.
class BrokenRouter final : public Router {
 public:
  BrokenRouter(double logit, double weight) : logit_(logit), weight_(weight) {}
  RouterProperties properties() const override { return {}; }
  std::int64_t choices_per_token(std::int64_t) const override { return 1; }
  std::vector<RouterParameter> parameters(const ModelSpec&) const override { return {}; }
  RouterOutput route(const RouterInput& input, const TensorMap&) const override {
    const std::int64_t num_tokens = input.hidden_TD.size(0);
    RouterOutput output;
    output.choices_TK = torch::zeros({num_tokens, 1}, torch::kLong);
    output.weights_TK = torch::ones({num_tokens, 1});
    output.logits_TE = torch::zeros({num_tokens, input.num_experts});
    // The last token alone: what is looked for may stand anywhere.
    output.weights_TK[-1][0] = weight_;
    output.logits_TE[-1][2] = logit_;
    return output;
  }

 private:
  double logit_, weight_;
};

/// Four domains of ten tokens each; domain d holds tokens 10 d .. 10 d + 9.
std::vector<EvalDomain> four_domains(std::int64_t windows = 8) {
  std::vector<EvalDomain> domains;
  for (std::int64_t domain = 0; domain < 4; ++domain) domains.push_back(made_up_domain(fmt::format("d{}", domain), 10 * domain, 10, windows));
  return domains;
}

}  // namespace

TEST_CASE("routing: a router that sends each domain to its own expert", "[plugin][eval.routing][known-value]") {
  const LanguageModel model(routerless_moe(4, 1), std::make_shared<ObedientRouter>(10));
  const Outcome outcome = evaluate(model, four_domains(), {"d0", "d1", "d2", "other"});
  const double tokens = 4 * 8 * 16;
  for (const char* task : {"layer 0", "layer 1", "mean over layers"}) {
    CHECK(row_of(outcome.rows, task, "load_entropy").value == Approx(1.0));
    CHECK(row_of(outcome.rows, task, "dead_experts").value == 0.0);
    CHECK(row_of(outcome.rows, task, "logit_spread").value == Approx(std::sqrt(3.0) / 4.0));  // of 1, 0, 0, 0
    CHECK(row_of(outcome.rows, task, "expert_domain_information").value == Approx(2.0 - 9.0 / (2 * tokens) / std::log(2.0)));
    CHECK(row_of(outcome.rows, task, "expert_domain_information_share").value == Approx(1.0).margin(0.01));
    CHECK(row_of(outcome.rows, task, "load_entropy").n == 4 * 8);  // windows
    CHECK(row_of(outcome.rows, task, "logit_spread").std_error == Approx(0.0).margin(1e-9));  // every token's is the same
    CHECK(std::isnan(row_of(outcome.rows, task, "dead_experts").std_error));
  }
  CHECK(row_of(outcome.rows, "d0", "own_expert_share").value == 1.0);
  CHECK(row_of(outcome.rows, "d2", "own_expert_share").value == 1.0);
  CHECK_FALSE(has_row(outcome.rows, "d3", "own_expert_share"));  // no expert's source was trained on it

  const auto& load = outcome.recorder.arrays.at("load");  // [layer, domain, expert]
  REQUIRE(load.values.size() == 2 * 4 * 4);
  CHECK(load.axes[1].labels == std::vector<std::string>{"d0", "d1", "d2", "d3"});
  for (std::size_t domain = 0; domain < 4; ++domain) {
    CHECK(load.values[domain * 4 + domain] == 0.5f);
    CHECK(load.values[domain * 4 + (domain + 1) % 4] == 0.5f);
    CHECK(outcome.recorder.arrays.at("first_choice").values[domain * 4 + domain] == 1.0f);
  }
}

TEST_CASE("routing: a router that always takes the same experts leaves the others dead", "[plugin][eval.routing][known-value]") {
  const LanguageModel model(routerless_moe(5, 2), std::make_shared<ObedientRouter>(1000));
  const Outcome outcome = evaluate(model, four_domains(), {"d0", "d0", "d0", "d0", "d0"});
  CHECK(row_of(outcome.rows, "layer 1", "dead_experts").value == 3.0);
  CHECK(row_of(outcome.rows, "layer 1", "load_entropy").value == Approx(std::log(2.0) / std::log(5.0)));
  CHECK(row_of(outcome.rows, "layer 1", "expert_domain_information").value == Approx(0.0).margin(1e-12));
  CHECK_FALSE(has_row(outcome.rows, "d0", "own_expert_share"));  // every expert is its own: the share says nothing
}

TEST_CASE("routing: the own share and the spread have the errors of ratios over windows", "[plugin][eval.routing][known-value]") {
  // A single domain with tokens of all experts; its windows and those of a source's share are counted here by hand.
  const EvalDomain domain = made_up_domain("d", 0, 40, 6);
  const LanguageModel model(routerless_moe(4, 1), std::make_shared<ObedientRouter>(10));
  const Outcome outcome = evaluate(model, {domain}, {"d", "x", "y", "z"});
  std::vector<double> own, tokens;
  for (std::int64_t window = 0; window < domain.windows.size(); ++window) {
    own.push_back((domain.windows.tokens_NT[window].slice(0, 0, -1) < 10).sum().item<double>());
    tokens.push_back(16.0);
  }
  const Estimate expected = ratio_of(own, tokens);
  REQUIRE(expected.std_error > 0.0);
  const EvalRow& share = row_of(outcome.rows, "d", "own_expert_share");
  CHECK(share.value == Approx(expected.mean));
  CHECK(share.std_error == Approx(expected.std_error));
  CHECK(share.n == 6);
  CHECK_FALSE(has_row(outcome.rows, "layer 0", "expert_domain_information_share"));  // a single domain: nothing to tell
  const EvalRow& entropy = row_of(outcome.rows, "layer 0", "load_entropy");
  CHECK(entropy.std_error > 0.0);
  CHECK(row_of(outcome.rows, "mean over layers", "load_entropy").std_error == Approx(entropy.std_error));  // both layers choose alike
}

TEST_CASE("routing: an error over windows does not count what domains differ by", "[plugin][eval.routing][known-value]") {
  // Every token of a domain goes the same way: its windows do not differ, whatever the other domain does.
  const std::vector<EvalDomain> domains{made_up_domain("d0", 0, 10, 8), made_up_domain("d1", 10, 10, 8)};
  const LanguageModel model(routerless_moe(4, 1), std::make_shared<ObedientRouter>(10));
  const Outcome outcome = evaluate(model, domains, {"d0", "d1", "x", "y"});
  CHECK(row_of(outcome.rows, "layer 0", "load_entropy").std_error == Approx(0.0).margin(1e-9));
  CHECK(row_of(outcome.rows, "layer 0", "expert_domain_information_share").std_error == Approx(0.0).margin(1e-9));
}

TEST_CASE("routing: logits and weights that are not finite are an error that names layer and expert", "[plugin][eval.routing][wrong-input]") {
  const auto refusal = [](double logit, double weight) {
    const LanguageModel model(routerless_moe(4, 1), std::make_shared<BrokenRouter>(logit, weight));
    try {
      evaluate(model, four_domains(2), {"d0", "d1", "d2", "d3"});
    } catch (const NumericError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal(0.0, 1.0).empty());
  for (const double wrong : {std::nan(""), HUGE_VAL}) {
    CHECK_THAT(refusal(wrong, 1.0), Contains("layer 0: the router's logit of expert 2 is"));
    CHECK_THAT(refusal(0.0, wrong), Contains("layer 0: the weight of expert 0 is"));
  }
}

TEST_CASE("routing: choices that ignore the domain have no corrected information", "[plugin][eval.routing][invariant]") {
  // Every domain has the same tokens.
  std::vector<EvalDomain> domains;
  for (const char* name : {"a", "b", "c", "d"}) domains.push_back(made_up_domain(name, 0, 40, 16));
  const LanguageModel model(routerless_moe(4, 3), std::make_shared<ObedientRouter>(10));
  const Outcome outcome = evaluate(model, domains, {"a", "b", "c", "d"});
  const double plug_in = outcome.recorder.arrays.at("expert_domain_information_plug_in").values[0];
  CHECK(plug_in > 0.0);
  CHECK(std::abs(row_of(outcome.rows, "layer 0", "expert_domain_information").value) < 0.01);
  CHECK(row_of(outcome.rows, "a", "own_expert_share").value == Approx(0.25).margin(5 * std::sqrt(0.25 * 0.75 / 256)));  // five standard errors
}

TEST_CASE("routing: tokens that windows share count once", "[plugin][eval.routing][invariant]") {
  const LanguageModel model(routerless_moe(4, 4), std::make_shared<ObedientRouter>(10));
  const EvalDomain overlapping = made_up_domain("d0", 0, 40, 8, false, 17, 9);
  const Outcome outcome = evaluate(model, {overlapping}, {"d0", "x", "y", "z"});
  double bytes = 0.0;
  for (const double window : overlapping.windows.bytes) bytes += window;
  CHECK(outcome.recorder.arrays.at("tokens").values[0] == static_cast<float>(bytes));
}

TEST_CASE("routing: loads of a layer and domain sum to one, out-of-distribution text is apart", "[plugin][eval.routing][invariant]") {
  TinyOptions options;
  options.num_experts = 3;
  const std::shared_ptr<const Router> router = make_plugin<Router>("top_k");
  const LanguageModel model(random_model(tiny_spec(options), 6), router);
  auto domains = four_domains();
  const Outcome without = evaluate(model, domains, {"d0", "d1", "d2"});
  domains.push_back(made_up_domain("foreign", 40, 20, 4, true));
  const Outcome with = evaluate(model, domains, {"d0", "d1", "d2"});
  CHECK(row_of(with.rows, "layer 0", "load_entropy").value == row_of(without.rows, "layer 0", "load_entropy").value);
  const auto& load = with.recorder.arrays.at("load").values;
  for (std::size_t row = 0; row < load.size() / 3; ++row) CHECK(load[3 * row] + load[3 * row + 1] + load[3 * row + 2] == Approx(1.0));
}

TEST_CASE("routing: applies to Mixtures-of-Experts only", "[plugin][eval.routing][wrong-input]") {
  const LanguageModel dense(random_model(tiny_spec(), 1), nullptr);
  const auto suite = make_plugin<Eval>("routing");
  CHECK_FALSE(suite->applies_to({dense, &dense}));
  CHECK_FALSE(suite->applies_to({dense, nullptr}));
  KeepingRecorder recorder;
  CHECK_THROWS_WITH(suite->evaluate({dense, &dense}, four_domains(), eval_context(recorder)), Contains("expected a Mixture-of-Experts"));
  const LanguageModel moe(routerless_moe(4, 1), std::make_shared<ObedientRouter>(10));
  CHECK(suite->applies_to({moe, &moe}));
  CHECK_THROWS_WITH(suite->evaluate({moe, &moe}, {made_up_domain("x", 0, 9, 2, true)}, eval_context(recorder)), Contains("got no in-domain text"));
}

TEST_CASE("routing: keeps the plugin contract", "[plugin][eval.routing][contract]") { check_contract("eval", "routing"); }
