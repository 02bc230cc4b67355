// router_init.ridge.
#include "tests/plugins/router_init/router_init_problem.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr std::int64_t kHidden = 24, kDomains = 4;

torch::Tensor ridge_rows(const Tokens& tokens, Value params = ValueMap{}, std::vector<std::int64_t> expert_domains = {0, 1, 2, 3}, std::uint64_t seed = 1) {
  const auto num_experts = static_cast<std::int64_t>(expert_domains.size());
  return initialise(*make_plugin<RouterInit>("ridge", std::move(params)), {{"weight", {num_experts, kHidden}}}, seed, 0, moments_of(tokens, kDomains), std::move(expert_domains))
      .at("weight");
}

/// Mean entropy of the gates on the tokens themselves, as a fraction of ln E.
double entropy_fraction(const Tokens& tokens, const torch::Tensor& weight_ED) {
  const torch::Tensor log_gates_TE = tokens.hidden_TD.matmul(weight_ED.to(torch::kFloat64).t()).log_softmax(1);
  return -(log_gates_TE.exp() * log_gates_TE).sum(1).mean().item<double>() / std::log(static_cast<double>(weight_ED.size(0)));
}

}  // namespace

TEST_CASE("ridge: is the closed form of the regression up to its scale", "[plugin][router_init.ridge][known-value]") {
  const Tokens tokens = clustered_tokens(kDomains, 300, kHidden, 1.0, 1);
  const double lambda = 0.1;
  const torch::Tensor labels_TM = torch::one_hot(tokens.domains_T, kDomains).to(torch::kFloat64);
  // Augmented least squares, solved by QR instead of the normal equations.
  const double penalty = lambda * tokens.hidden_TD.pow(2).sum().item<double>() / kHidden;
  const torch::Tensor design = torch::cat({tokens.hidden_TD, torch::eye(kHidden, torch::kFloat64) * std::sqrt(penalty)});
  const torch::Tensor target = torch::cat({labels_TM, torch::zeros({kHidden, kDomains}, torch::kFloat64)});
  const auto [q, r] = at::linalg_qr(design);
  torch::Tensor expected_ED = at::linalg_solve(r, q.t().matmul(target)).t();
  expected_ED = expected_ED - expected_ED.mean(0, true);
  const torch::Tensor got_ED = ridge_rows(tokens, ValueMap{{"lambda", lambda}}).to(torch::kFloat64);
  CHECK(torch::allclose(got_ED / got_ED.norm(), expected_ED / expected_ED.norm(), 1e-5, 1e-6));
  CHECK((got_ED * expected_ED).sum().item<double>() > 0);
}

TEST_CASE("ridge: gates have the entropy that was asked for", "[plugin][router_init.ridge][known-value]") {
  for (const double separation : {0.3, 1.0, 3.0})
    for (const double entropy : {0.3, 0.6, 0.9}) {
      CAPTURE(separation, entropy);
      const Tokens tokens = clustered_tokens(kDomains, 2000, kHidden, separation, 2);
      // The Gaussian model of the tokens is only a model: they lie on a sphere.
      CHECK(entropy_fraction(tokens, ridge_rows(tokens, ValueMap{{"entropy", entropy}})) == Approx(entropy).margin(0.04));
    }
}

TEST_CASE("ridge: separable domains go to their experts", "[plugin][router_init.ridge][known-value]") {
  const Tokens tokens = clustered_tokens(kDomains, 500, kHidden, 3.0, 3);
  const std::vector<std::int64_t> expert_domains{2, 0, 3, 1};
  const torch::Tensor chosen_T = tokens.hidden_TD.matmul(ridge_rows(tokens, ValueMap{}, expert_domains).to(torch::kFloat64).t()).argmax(1);
  const torch::Tensor domain_of_choice_T = torch::tensor(expert_domains, torch::kInt64).index_select(0, chosen_T);
  CHECK(domain_of_choice_T.eq(tokens.domains_T).to(torch::kFloat64).mean().item<double>() >= 0.95);
}

TEST_CASE("ridge: rows sum to zero and follow a reordering of the experts", "[plugin][router_init.ridge][invariant]") {
  const Tokens tokens = clustered_tokens(kDomains, 300, kHidden, 1.0, 4);
  const torch::Tensor rows = ridge_rows(tokens);
  CHECK(rows.sum(0).abs().max().item<double>() < 1e-5 * rows.abs().max().item<double>());
  const torch::Tensor reordered = ridge_rows(tokens, ValueMap{}, {3, 1, 0, 2});
  // The draws that set the scale differ with the order; the directions do not.
  const torch::Tensor expected = rows.index_select(0, torch::tensor({3, 1, 0, 2}, torch::kInt64));
  CHECK(torch::allclose(reordered / reordered.norm(), expected / expected.norm(), 1e-4, 1e-6));
  CHECK(reordered.norm().item<double>() == Approx(rows.norm().item<double>()).epsilon(0.05));
}

TEST_CASE("ridge: a rotation of the hidden space rotates the rows", "[plugin][router_init.ridge][invariant]") {
  Tokens tokens = clustered_tokens(kDomains, 300, kHidden, 1.0, 5);
  const torch::Tensor rows = ridge_rows(tokens);
  std::vector<double> values(static_cast<std::size_t>(kHidden * kHidden));
  Random random(5, "rotation");
  for (double& value : values) value = random.normal();
  const torch::Tensor rotation = std::get<0>(at::linalg_qr(torch::tensor(values, torch::kFloat64).view({kHidden, kHidden})));
  tokens.hidden_TD = tokens.hidden_TD.matmul(rotation);
  const torch::Tensor rotated = ridge_rows(tokens), expected = rows.matmul(rotation.to(torch::kFloat32));
  CHECK(torch::allclose(rotated / rotated.norm(), expected / expected.norm(), 1e-4, 1e-5));
}

TEST_CASE("ridge: an expert without a domain gets the row of none", "[plugin][router_init.ridge][invariant]") {
  const Tokens tokens = clustered_tokens(kDomains, 300, kHidden, 1.0, 6);
  const torch::Tensor rows = ridge_rows(tokens, ValueMap{{"entropy", 0.9}}, {0, 1, -1, -1});
  CHECK(torch::equal(rows[2], rows[3]));
  CHECK(torch::allclose(rows.sum(0), torch::zeros({kHidden}), 0, 1e-4));
}

TEST_CASE("ridge: refuses what it cannot tell apart or was not given", "[plugin][router_init.ridge][wrong-input]") {
  const Tokens tokens = clustered_tokens(kDomains, 100, kHidden, 1.0, 7);
  const auto ridge = make_plugin<RouterInit>("ridge");
  CHECK_THROWS_WITH(ridge_rows(tokens, ValueMap{}, {1, 1, 1, 1}), Catch::Contains("router_init.ridge: layer 0: all 4 experts are of the same domain"));
  CHECK_THROWS_AS(ridge_rows(tokens, ValueMap{}, {1, 1, 1, 1}), DataError);
  CHECK_THROWS_WITH(ridge_rows(tokens, ValueMap{}, {0, 1, 2, 4}), Catch::Contains("an expert is of domain 4, there are 4 calibration domains"));
  CHECK_THROWS_WITH(ridge_rows(tokens, ValueMap{{"entropy", 0.3}}, {0, 0, 1, 1}), Catch::Contains("experts of one domain tie"));
  CHECK_THROWS_WITH(initialise(*ridge, {{"weight", {4, kHidden}}}, 1, 2, {}, {0, 1, 2, 3}), Catch::Contains("layer 2: no statistics of the FFN input"));
  CHECK_THROWS_WITH(initialise(*ridge, {{"weight", {4, 5}}}, 1, 0, moments_of(tokens, kDomains), {0, 1, 2, 3}), Catch::Contains("the statistics are of width 24, expected 5"));
  check_fills_only_weight(*ridge, moments_of(tokens, kDomains), {0, 1, 2, 3});
}

TEST_CASE("ridge: needs statistics", "[plugin][router_init.ridge][contract]") {
  check_contract("router_init", "ridge");
  CHECK(make_plugin<RouterInit>("ridge")->needs_statistics());
}
