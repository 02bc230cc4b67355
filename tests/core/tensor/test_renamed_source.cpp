// A view of a tensor source under other names.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/tensor/renamed_source.hpp"

using namespace symphony;

TEST_CASE("renamed_source: shows the chosen tensors under their new names, sorted", "[core][tensor]") {
  const auto source = std::make_shared<MemorySource>(TensorMap{{"w1", torch::ones({2})}, {"w2", torch::zeros({3})}, {"other", torch::ones({})}}, "here");
  const RenamedSource view(source, {{"gate", "w1"}, {"down", "w2"}}, "a view of here");
  CHECK(view.names() == std::vector<std::string>{"down", "gate"});
  CHECK(view.info("down").shape == std::vector<std::int64_t>{3});
  CHECK(view.get("gate").data_ptr() == source->get("w1").data_ptr());
  CHECK_THROWS_WITH(view.get("w1"), "a view of here: no tensor 'w1'; known: down, gate");
}

TEST_CASE("renamed_source: an original that does not exist is refused at once", "[core][tensor]") {
  const auto source = std::make_shared<MemorySource>(TensorMap{{"weight", torch::ones({2})}}, "here");
  CHECK_THROWS_WITH(RenamedSource(source, {{"gate", "wieght"}}, "view"), "here: no tensor 'wieght'; did you mean 'weight'?");
  CHECK_THROWS_AS(RenamedSource(source, {{"gate", "wieght"}}, "view"), DataError);
}
