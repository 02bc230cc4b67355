// Estimators against values computed by hand or by SciPy 1.10, and against laws that they must keep.
#include <catch2/catch.hpp>

#include <cmath>
#include <numbers>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/score/estimators.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Values = std::vector<double>;

TEST_CASE("estimators: mean and standard error of four numbers", "[core][score]") {
  const Estimate estimate = mean_of(Values{1, 2, 3, 6});
  CHECK(estimate.mean == 3.0);
  CHECK(estimate.std_error == Approx(std::sqrt(14.0 / 3.0 / 4.0)));
  CHECK(estimate.n == 4);
  CHECK(std::isnan(mean_of(Values{5}).std_error));
  CHECK_THROWS_WITH(mean_of(Values{}), Contains("got no values"));
}

TEST_CASE("estimators: pairing removes what both sides share", "[core][score]") {
  const Values left{1.2, 1.9, 3.1, 4.4}, right{1.0, 2.1, 2.6, 4.0};
  const Estimate difference = paired_difference(left, right);
  CHECK(difference.mean == Approx(0.225));
  CHECK(difference.mean / difference.std_error == Approx(1.4536311355570464));  // scipy.stats.ttest_rel
  CHECK(t_test_p(difference) == Approx(0.24201369462456856).epsilon(1e-10));
  Values shifted = left;
  for (double& value : shifted) value += 100.0;
  CHECK(paired_difference(shifted, left).std_error == Approx(0.0).margin(1e-12));
  CHECK_THROWS_WITH(paired_difference(left, Values{1}), Contains("got 4 and 1 units"));
}

TEST_CASE("estimators: a ratio weighs units by their denominators", "[core][score]") {
  const Estimate ratio = ratio_of(Values{4, 1}, Values{2, 1});
  CHECK(ratio.mean == Approx(5.0 / 3.0));
  CHECK(ratio.std_error == Approx(std::sqrt(2.0 * (4.0 / 9.0 + 4.0 / 9.0)) / 3.0));
  const Values numerators{3, 5, 8, 1};
  const Estimate equal = ratio_of(numerators, Values{2, 2, 2, 2});
  CHECK(equal.mean == Approx(mean_of(numerators).mean / 2));
  CHECK(equal.std_error == Approx(mean_of(numerators).std_error / 2));
}

TEST_CASE("estimators: errors of independent means add in squares", "[core][score]") {
  const std::vector<Estimate> parts{{1.0, 0.3, 10}, {2.0, 0.4, 20}};
  const Estimate mean = mean_of_estimates(parts);
  CHECK(mean.mean == Approx(1.5));
  CHECK(mean.std_error == Approx(0.25));
  CHECK(mean.n == 30);
}

TEST_CASE("estimators: measuring the same units twice makes nothing more certain", "[core][score]") {
  const Values once{1, 2, 3, 6}, other{3, 2, 1, 0};
  const Estimate twice = mean_of(mean_by_unit(std::vector<Values>{once, once}));
  CHECK(twice.mean == mean_of(once).mean);
  CHECK(twice.std_error == Approx(mean_of(once).std_error));
  CHECK(twice.n == 4);
  CHECK(mean_by_unit(std::vector<Values>{once, other}) == Values{2, 2, 2, 3});
  CHECK_THROWS_WITH(mean_by_unit(std::vector<Values>{once, Values{1}}), Contains("got 4 and 1 units"));
  CHECK_THROWS_WITH(mean_by_unit({}), Contains("got no measurements"));
}

TEST_CASE("estimators: the jackknife of a mean is its standard error, and of means of strata theirs", "[core][score]") {
  const auto means_without = [](const Values& values) {
    Values without;
    for (std::size_t left_out = 0; left_out < values.size(); ++left_out) {
      Values rest = values;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(left_out));
      without.push_back(mean_of(rest).mean);
    }
    return without;
  };
  const Values a{1, 2, 3, 6}, b{10, 12, 20};
  CHECK(jackknife_error(std::vector<Values>{means_without(a)}) == Approx(mean_of(a).std_error));
  std::vector<Values> without{means_without(a), means_without(b)};  // of the mean of both means
  for (double& value : without[0]) value = (value + mean_of(b).mean) / 2;
  for (double& value : without[1]) value = (value + mean_of(a).mean) / 2;
  CHECK(jackknife_error(without) == Approx(mean_of_estimates(std::vector<Estimate>{mean_of(a), mean_of(b)}).std_error));
  CHECK(std::isnan(jackknife_error(std::vector<Values>{means_without(a), Values{3}})));
}

TEST_CASE("estimators: Student's t agrees with SciPy", "[core][score]") {
  const std::vector<std::pair<double, double>> at_975{{1, 12.706204736432095}, {2, 4.302652729911275},   {4, 2.7764451051977987}, {9, 2.2621571627409915},
                                                      {30, 2.0422724563012373}, {127, 1.9788195346805206}, {1000, 1.9623390808264074}};
  for (const auto& [degrees, quantile] : at_975) CHECK(student_t_quantile(0.975, degrees) == Approx(quantile).epsilon(1e-9));
  CHECK(student_t_quantile(0.9995, 1) == Approx(1.0 / std::tan(0.0005 * std::numbers::pi)).epsilon(1e-11));  // Cauchy, in closed form
  CHECK(student_t_quantile(0.0005, 10) == Approx(-4.586893858703131).epsilon(1e-9));
  CHECK(student_t_cdf(-2.5, 3) == Approx(0.04385332350403277).epsilon(1e-10));
  CHECK(student_t_cdf(0.3, 7.5) == Approx(0.6138386707156109).epsilon(1e-10));
  CHECK(student_t_cdf(4, 12) == Approx(0.9991191518778024).epsilon(1e-10));
  CHECK_THROWS_WITH(student_t_quantile(1.0, 3), Contains("got probability 1"));
}

TEST_CASE("estimators: the incomplete beta function agrees with SciPy", "[core][score]") {
  CHECK(incomplete_beta(0.5, 0.5, 0.3) == Approx(0.3690101195655454).epsilon(1e-12));
  CHECK(incomplete_beta(2, 3, 0.4) == Approx(0.5248).epsilon(1e-12));
  CHECK(incomplete_beta(10, 0.5, 0.9) == Approx(0.15164090963470997).epsilon(1e-12));
  CHECK(incomplete_beta(63.5, 0.5, 0.95) == Approx(0.010855854990236124).epsilon(1e-12));
  CHECK(incomplete_beta(500, 0.5, 0.999) == Approx(0.317310447309558).epsilon(1e-11));
  CHECK(incomplete_beta(3, 4, 0) == 0.0);
  CHECK(incomplete_beta(3, 4, 1) == 1.0);
}

TEST_CASE("estimators: t intervals cover the mean as often as they say", "[core][score]") {
  Random random(1, "coverage");
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    Values sample;
    for (int unit = 0; unit < 40; ++unit) sample.push_back(3.0 + random.normal());
    const Interval t = t_interval(mean_of(sample), 0.9);
    covered += t.low < 3.0 && 3.0 < t.high;
  }
  CHECK(covered / double{kTrials} == Approx(0.9).margin(4 * std::sqrt(0.9 * 0.1 / kTrials)));  // four standard errors
  CHECK_THROWS_WITH(t_interval(mean_of(Values{1})), Contains("got 1 units"));
}

TEST_CASE("estimators: entropy of known distributions", "[core][score]") {
  CHECK(entropy_nats(Values{1, 1, 1, 1}) == Approx(std::log(4.0)));
  CHECK(entropy_nats(Values{7, 0}) == 0.0);
  CHECK(entropy_nats(Values{1, 3}) == Approx(std::log(4.0) - 0.75 * std::log(3.0)));
  CHECK(entropy_nats(Values{0, 0}) == 0.0);
}

TEST_CASE("estimators: mutual information of a planted and of an independent table", "[core][score]") {
  const auto planted = mutual_information(Values{50, 0, 0, 0, 50, 0, 0, 0, 50}, 3);
  CHECK(planted.plug_in == Approx(std::log(3.0)));
  CHECK(planted.corrected == Approx(std::log(3.0) - 4.0 / 300.0));
  const auto independent = mutual_information(Values{10, 20, 30, 60}, 2);
  CHECK(independent.plug_in == Approx(0.0).margin(1e-12));
  const auto by_hand = mutual_information(Values{3, 1, 1, 3}, 2);
  CHECK(by_hand.plug_in == Approx(0.75 * std::log(1.5) + 0.25 * std::log(0.5)));
  const auto empty_row = mutual_information(Values{50, 0, 0, 50, 0, 0}, 2);
  CHECK(empty_row.corrected == Approx(std::log(2.0) - 1.0 / 200.0));
  CHECK_THROWS_WITH(mutual_information(Values{1, 2, 3}, 2), Contains("3 counts in 2 columns"));
}

TEST_CASE("estimators: the correction removes the bias of random tables", "[core][score]") {
  Random random(4, "tables");
  double plug_in = 0.0, corrected = 0.0;
  constexpr int kTables = 200;
  for (int table = 0; table < kTables; ++table) {
    Values counts(16);
    for (int token = 0; token < 400; ++token) counts[random.below(16)] += 1;
    const auto information = mutual_information(counts, 4);
    plug_in += information.plug_in / kTables;
    corrected += information.corrected / kTables;
  }
  CHECK(plug_in == Approx(9.0 / 800.0).epsilon(0.2));
  CHECK(std::abs(corrected) < 0.15 * plug_in);
}

TEST_CASE("estimators: Holm's correction of a published kind of example", "[core][score]") {
  const auto adjusted = holm_adjusted(Values{0.01, 0.04, 0.03, 0.005});
  CHECK(adjusted[3] == Approx(0.02));
  CHECK(adjusted[0] == Approx(0.03));
  CHECK(adjusted[2] == Approx(0.06));
  CHECK(adjusted[1] == Approx(0.06));  // never below a smaller p's
  CHECK(holm_adjusted(Values{0.9, 0.8})[0] == 1.0);
  CHECK(holm_adjusted(Values{}).empty());
}
