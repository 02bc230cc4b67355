// fusion.donor.
#include "tests/plugins/fusion/fusion_properties.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("donor: gives the anchor's tensor, or the named source's", "[plugin][fusion.donor][known-value]") {
  const std::vector<torch::Tensor> sources = random_sources(3, 1);
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("donor"), sources, {}, {}, /*anchor=*/2), sources[2]));
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("donor", ValueMap{{"source", "s1"}}), sources, {}, {}, /*anchor=*/2), sources[1]));
}

TEST_CASE("donor: rows that it lacks are the mean of those that hold them", "[plugin][fusion.donor][known-value]") {
  const auto mask = [](std::vector<std::int64_t> rows) { return torch::tensor(rows, torch::kInt64).to(torch::kBool); };
  const std::vector<torch::Tensor> sources{torch::tensor({{1.0f}, {2.0f}}), torch::tensor({{4.0f}, {6.0f}}), torch::tensor({{9.0f}, {10.0f}})};
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("donor"), sources, {}, {mask({1, 0}), mask({0, 1}), mask({1, 1})});
  CHECK(torch::equal(fused, torch::tensor({{1.0f}, {8.0f}})));
}

TEST_CASE("donor: does not read the other sources", "[plugin][fusion.donor][invariant]") {
  std::vector<torch::Tensor> sources = random_sources(2, 2);
  sources[1].fill_(std::nanf(""));
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("donor"), sources), sources[0]));
  CHECK_THROWS_WITH(fuse(*make_plugin<Fusion>("donor", ValueMap{{"source", "s1"}}), sources), Catch::Contains("source 's1' holds a NaN"));
}

TEST_CASE("donor: copies, stored types and unique rows", "[plugin][fusion.donor][invariant]") {
  check_copies_give_the_source(*make_plugin<Fusion>("donor"));
  check_stored_types(*make_plugin<Fusion>("donor"));
  check_unique_rows_are_kept(*make_plugin<Fusion>("donor"));
}

TEST_CASE("donor: an unknown source is refused with the nearest", "[plugin][fusion.donor][wrong-input]") {
  const auto donor = make_plugin<Fusion>("donor", ValueMap{{"source", "scriptre"}});
  CHECK_THROWS_WITH(donor->check(2, {"code", "scripture"}), Catch::Contains("fusion.donor: no source 'scriptre'; did you mean 'scripture'?"));
  CHECK_THROWS_AS(donor->check(2, {"code", "scripture"}), ConfigError);
}

TEST_CASE("donor: keeps the plugin contract", "[plugin][fusion.donor][contract]") { check_contract("fusion", "donor"); }
