// One ulp up or down.
#include <catch2/catch.hpp>

#include "core/model/perturb.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("perturb: every weight moves to a neighbour, about half of them up", "[core][pipeline]") {
  const Model model = random_model(tiny_spec(), 1), perturbed = perturb_by_one_ulp(model, 7);
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  const torch::Tensor before = model.tensors->get(name), after = perturbed.tensors->get(name);
  const torch::Tensor infinity = torch::full_like(before, INFINITY);
  const torch::Tensor up = after.eq(torch::nextafter(before, infinity)), down = after.eq(torch::nextafter(before, -infinity));
  CHECK(up.logical_or(down).all().item<bool>());
  CHECK(up.to(torch::kFloat64).mean().item<double>() == Approx(0.5).margin(0.06));  // 1536 weights: 4.7 standard deviations
}

TEST_CASE("perturb: seed and tensor decide the directions", "[core][pipeline]") {
  const Model model = random_model(tiny_spec(), 1);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  const torch::Tensor once = perturb_by_one_ulp(model, 7).tensors->get(name);
  CHECK(torch::equal(once, perturb_by_one_ulp(model, 7).tensors->get(name)));
  CHECK_FALSE(torch::equal(once, perturb_by_one_ulp(model, 8).tensors->get(name)));
}

TEST_CASE("perturb: keeps names, shapes and the dtype", "[core][pipeline]") {
  const Model model{tiny_spec(), std::make_shared<MemorySource>(TensorMap{{"a", torch::ones({3}, torch::kFloat64)}, {"b", torch::ones({3}, torch::kBFloat16)}}, "m"), "m"};
  const Model perturbed = perturb_by_one_ulp(model, 1);
  CHECK(perturbed.tensors->names() == model.tensors->names());
  for (const char* name : {"a", "b"}) {
    CHECK(perturbed.tensors->get(name).scalar_type() == model.tensors->info(name).dtype);
    CHECK(perturbed.tensors->get(name).ne(1).all().item<bool>());
  }
}
