// Estimates: the closed count of parameters, and what must grow with what.
#include <catch2/catch.hpp>

#include "core/pipeline/stage_cost.hpp"

using namespace symphony;

namespace {

ModelSpec small() {
  ModelSpec spec;
  spec.vocab_size = 100, spec.hidden_size = 48, spec.num_layers = 3, spec.num_heads = 6, spec.num_kv_heads = 2, spec.head_dim = 10, spec.ffn_size = 70;
  return spec;
}

}  // namespace

TEST_CASE("cost: the closed count of parameters is the count of the tensors", "[core][pipeline]") {
  for (const bool tied : {false, true})
    for (const bool bias : {false, true})
      for (const std::int64_t experts : {0, 1, 4}) {
        ModelSpec spec = small();
        spec.tied_head = tied, spec.qkv_bias = bias;
        if (experts > 0) spec.moe = MoeSpec{experts, 33, Method{"any"}, 1.0};
        CAPTURE(tied, bias, experts);
        CHECK(model_bytes(spec) == static_cast<std::uint64_t>(4 * count_parameters(spec)));
      }
}

TEST_CASE("cost: training keeps the model, and takes more for more tokens and more chosen experts", "[core][pipeline]") {
  TrainSettings settings;
  settings.batch_size = 8, settings.sequence_length = 64;
  const StageCost one = training_cost(small(), settings);
  CHECK(one.kept_bytes >= model_bytes(small()));
  settings.batch_size = 16;
  CHECK(training_cost(small(), settings).peak_memory_bytes > one.peak_memory_bytes);
  ModelSpec moe = small();
  moe.moe = MoeSpec{4, 70, Method{"any", ValueMap{{"k", 1}}}, 1.0};
  const std::uint64_t first = training_cost(moe, settings).peak_memory_bytes;
  moe.moe->router.params.set("k", 2);
  CHECK(training_cost(moe, settings).peak_memory_bytes > first);
}

TEST_CASE("cost: a model that is fused on reading takes its largest tensor more", "[core][pipeline]") {
  CHECK(evaluation_cost(small(), 1, true, 64).peak_memory_bytes > evaluation_cost(small(), 1, false, 64).peak_memory_bytes);
  CHECK(evaluation_cost(small(), 3, false, 64).peak_memory_bytes - evaluation_cost(small(), 1, false, 64).peak_memory_bytes == 2 * model_bytes(small()));
}
