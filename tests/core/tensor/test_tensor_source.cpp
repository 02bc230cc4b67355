// Named tensors in memory, and copying them from a source to a sink.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/tensor/tensor_sink.hpp"
#include "core/tensor/tensor_source.hpp"

using namespace symphony;

namespace {

TensorMap some_tensors() { return {{"up", torch::arange(6).reshape({2, 3})}, {"down", torch::ones({3}, torch::kFloat16)}, {"gate", torch::tensor(2.5f)}}; }

}  // namespace

TEST_CASE("tensor_source: infos come sorted and describe the tensors", "[core][tensor]") {
  const MemorySource source(some_tensors(), "here");
  CHECK(source.names() == std::vector<std::string>{"down", "gate", "up"});
  CHECK(source.info("up").shape == std::vector<std::int64_t>{2, 3});
  CHECK(source.info("down").dtype == torch::kFloat16);
  CHECK(source.find("u") == nullptr);
}

TEST_CASE("tensor_source: a missing tensor is answered with the source and the nearest name", "[core][tensor]") {
  const MemorySource source(some_tensors(), "here");
  CHECK_THROWS_WITH(source.get("gaet"), "here: no tensor 'gaet'; did you mean 'gate'?");
  CHECK_THROWS_AS(source.info("nothing like it"), DataError);
}

TEST_CASE("tensor_sink: copying hands every tensor on", "[core][tensor]") {
  const MemorySource source(some_tensors(), "here");
  MemorySink sink;
  copy_tensors(source, sink);
  const TensorMap copied = sink.take();
  REQUIRE(copied.size() == 3);
  for (const auto& [name, tensor] : copied) CHECK(torch::equal(tensor, source.get(name)));
}

TEST_CASE("tensor_sink: what differs from the announcement is refused", "[core][tensor]") {
  MemorySink sink;
  CHECK_THROWS_WITH(MemorySink().announce({{"a", torch::kFloat32, {1}}, {"a", torch::kFloat32, {2}}}), "in-memory sink: tensor 'a' is announced twice");
  sink.announce({{"weight", torch::kFloat32, {2, 3}}, {"bias", torch::kFloat32, {2}}});
  CHECK_THROWS_WITH(sink.put("wieght", torch::ones({2, 3})), "in-memory sink: tensor 'wieght' was not announced; did you mean 'weight'?");
  CHECK_THROWS_WITH(sink.put("weight", torch::ones({3, 2})), "in-memory sink: tensor 'weight' has shape [3, 2], announced as [2, 3]");
  CHECK_THROWS_WITH(sink.put("bias", torch::ones({2}, torch::kFloat64)), "in-memory sink: tensor 'bias' is Double, announced as Float");
  CHECK_THROWS_WITH(sink.put("bias", torch::Tensor()), "in-memory sink: tensor 'bias' is undefined");
  sink.put("bias", torch::ones({2}));
  CHECK_THROWS_WITH(sink.put("bias", torch::ones({2})), "in-memory sink: tensor 'bias' is put a second time");
  CHECK_THROWS_WITH(sink.finish(), "in-memory sink: 1 of 2 announced tensors were never put: 'weight'");
}
