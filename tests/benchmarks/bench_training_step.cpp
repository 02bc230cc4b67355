// The C++ half of bench_training_step.py: `write FILE` puts initial weights and 20 batches of the tiny byte model into a safetensors file,
// `train FILE` trains on it and prints seconds and losses of every step as JSON: the dense model, a top-2-of-4 Mixture-of-Experts, and that
// with only its routers trained.
#include <chrono>
#include <cstdio>
#include <ctime>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/random.hpp"
#include "core/model/initialise.hpp"
#include "core/model/language_model.hpp"
#include "core/plugin/registry.hpp"
#include "core/tensor/safetensors.hpp"
#include "core/train/trainer.hpp"

using namespace symphony;

namespace {

constexpr std::int64_t kSteps = 20;
constexpr std::int64_t kVocab = 259;
constexpr std::uint64_t kSeed = 1;

const Method kRouter{"top_k", ValueMap{{"k", 2}}};

ModelSpec tiny_byte_model(bool moe) {
  ModelSpec spec;
  spec.vocab_size = kVocab;
  spec.hidden_size = 96;
  spec.num_layers = 3;
  spec.num_heads = spec.num_kv_heads = 4;
  spec.head_dim = 24;
  spec.ffn_size = 256;
  spec.max_positions = 128;
  if (moe) spec.moe = MoeSpec{4, 256, kRouter, 1.0};
  return spec;
}

TrainSettings settings(std::vector<std::string> parts) {
  TrainSettings result;
  result.train = std::move(parts);
  result.steps = kSteps;
  return result;
}

/// Random walks over the bytes: something to learn, unlike independent draws.
torch::Tensor random_batches(std::int64_t batch, std::int64_t length) {
  auto tokens = torch::empty({kSteps, batch, length + 1}, torch::kInt64);
  auto* data = tokens.data_ptr<std::int64_t>();
  Random random(kSeed, "benchmark batches");
  std::int64_t token = 0;
  for (std::int64_t place = 0; place < tokens.numel(); ++place)
    data[place] = token = (token + 1 + static_cast<std::int64_t>(random.below(8))) % kVocab;
  return tokens;
}

void write(const char* path) {
  TensorMap tensors = initial_parameters(tiny_byte_model(false), kSeed);
  const TrainSettings shape = settings({"all"});
  tensors["batches"] = random_batches(shape.batch_size, shape.sequence_length);
  SafetensorsSink sink(path);
  copy_tensors(MemorySource(std::move(tensors), "benchmark"), sink);
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// {"losses": [...], "seconds": [...], "cpu_seconds": [...]}, one entry a step.
std::string train_and_time(LanguageModel& model, const torch::Tensor& batches, const TrainSettings& how) {
  std::vector<double> losses, wall, cpu;
  auto start = std::chrono::steady_clock::now();
  double cpu_start = cpu_seconds();
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport& report) {
    const auto now = std::chrono::steady_clock::now();
    wall.push_back(std::chrono::duration<double>(now - start).count());
    cpu.push_back(cpu_seconds() - cpu_start);
    losses.push_back(report.loss);
    start = now;
    cpu_start = cpu_seconds();
  };
  train(model, [&](std::int64_t step) { return batches[step]; }, how, hooks);
  return fmt::format("{{\"losses\": [{}], \"seconds\": [{}], \"cpu_seconds\": [{}]}}", fmt::join(losses, ", "), fmt::join(wall, ", "), fmt::join(cpu, ", "));
}

LanguageModel moe_model() {
  const PluginRegistry registry = PluginRegistry::load(PluginRegistry::search_path({}));
  const ModelSpec spec = tiny_byte_model(true);
  TensorMap tensors = initial_parameters(spec, kSeed);
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    auto weight = torch::empty({4, spec.hidden_size});
    Random(kSeed, fmt::format("router {}", layer)).fill_normal({weight.data_ptr<float>(), static_cast<std::size_t>(weight.numel())}, 0.0, 0.1);
    tensors[fmt::format("{}mlp.router.weight", layer_prefix(layer))] = weight;
  }
  return LanguageModel({spec, std::make_shared<MemorySource>(std::move(tensors), "moe"), "moe"}, std::shared_ptr<const Router>(registry.create<Router>(kRouter)));
}

void train_all(const char* path) {
  TensorMap tensors = load_all(SafetensorsSource(path));
  const auto batches = tensors.at("batches");
  tensors.erase("batches");
  LanguageModel dense({tiny_byte_model(false), std::make_shared<MemorySource>(std::move(tensors), path), "dense"}, nullptr);
  LanguageModel moe = moe_model(), routed = moe_model();
  const TrainSettings all = settings({"all"});
  fmt::print("{{\"settings\": {{\"steps\": {}, \"learning_rate\": {}, \"warmup\": {}, \"final_fraction\": {}, \"weight_decay\": {}, \"clip\": {}}},\n",
             all.steps, all.learning_rate, all.warmup, all.final_fraction, all.weight_decay, all.clip);
  fmt::print("\"dense\": {},\n", train_and_time(dense, batches, all));
  fmt::print("\"moe top-2 of 4\": {},\n", train_and_time(moe, batches, all));
  fmt::print("\"router only\": {}}}\n", train_and_time(routed, batches, settings({"router"})));
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const std::string_view verb = argc == 3 ? argv[1] : "";
  if (verb == "write") write(argv[2]);
  else if (verb == "train") train_all(argv[2]);
  else return std::fputs("usage: bench_training_step write|train FILE\n", stderr), 2;
  return 0;
}
