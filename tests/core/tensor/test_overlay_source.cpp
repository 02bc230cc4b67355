// Tensors laid over another source.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/tensor/overlay_source.hpp"

using namespace symphony;

namespace {
OverlaySource overlay() {
  auto below = std::make_shared<MemorySource>(TensorMap{{"a", torch::ones({2})}, {"c", torch::ones({3})}}, "below");
  return {below, TensorMap{{"b", torch::zeros({4, 1})}, {"c", torch::full({5}, 2.0f)}}};
}
}  // namespace

TEST_CASE("overlay source: adds tensors and replaces those of the same name", "[core][tensor]") {
  const OverlaySource source = overlay();
  CHECK(source.names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(torch::equal(source.get("a"), torch::ones({2})));
  CHECK(torch::equal(source.get("b"), torch::zeros({4, 1})));
  CHECK(torch::equal(source.get("c"), torch::full({5}, 2.0f)));
  CHECK(source.info("c").shape == std::vector<std::int64_t>{5});
}

TEST_CASE("overlay source: offers the nearest name of both layers", "[core][tensor]") {
  const auto source = std::make_shared<OverlaySource>(std::make_shared<MemorySource>(TensorMap{{"model.norm.weight", torch::ones({1})}}, "below"),
                                                      TensorMap{{"router.weight", torch::ones({1})}});
  CHECK_THROWS_WITH(source->get("router.wieght"), Catch::Contains("below: no tensor 'router.wieght'; did you mean 'router.weight'?"));
  CHECK_THROWS_AS(source->get("model.norm"), DataError);
}
