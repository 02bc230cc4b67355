// Aligning two checkpoints of a real shape: bench_matching [METHOD [TOKENS [LAYERS [DTYPE]]]], by default activation_matching with every scope on 4096
// tokens and the 24 layers of Qwen2.5-0.5B (D 896, 14 query heads in 2 groups of 64, FFN 4864, vocabulary 151936, tied), covariances in float32 (or bfloat16).
// The weights are random bfloat16, made anew whenever they are read, so that the peak memory printed is that of the work. Prints seconds (CPU) a layer for
// statistics, for the rest of matching, and for applying the transforms to every tensor, and the peak memory of the process.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "core/base/seed.hpp"
#include "core/pipeline/alignment_statistics.hpp"
#include "core/pipeline/silent_recorder.hpp"
#include "core/plugin/registry.hpp"

using namespace symphony;

namespace {

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

class RandomSource final : public TensorSource {
 public:
  RandomSource(const ModelSpec& spec, std::uint64_t seed) : seed_(seed) {
    for (const SpecTensor& tensor : spec_tensors(spec)) infos_.push_back({tensor.name, torch::kBFloat16, tensor.shape});
    std::sort(infos_.begin(), infos_.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  }
  const std::vector<TensorInfo>& infos() const override { return infos_; }
  torch::Tensor get(std::string_view name) const override {
    const TensorInfo& found = info(name);
    auto generator = at::detail::createCPUGenerator(derive_seed(seed_, name));
    if (found.shape.size() == 1) return (1 + 0.2 * torch::randn(found.shape, generator)).to(torch::kBFloat16);
    return (0.02 * torch::randn(found.shape, generator)).to(torch::kBFloat16);
  }
  std::string label() const override { return "random"; }

 private:
  std::vector<TensorInfo> infos_;
  std::uint64_t seed_;
};

class TimedStatistics final : public AlignmentStatistics {
 public:
  explicit TimedStatistics(const AlignmentStatistics& inner) : inner_(inner) {}
  const PairMoments& moments(std::size_t source_idx, Site site, std::int64_t layer) const override {
    const double start = cpu_seconds();
    const PairMoments& result = inner_.moments(source_idx, site, layer);
    seconds += cpu_seconds() - start;
    return result;
  }
  std::int64_t num_tokens() const override { return inner_.num_tokens(); }
  mutable double seconds = 0;

 private:
  const AlignmentStatistics& inner_;
};

ModelSpec qwen_half_billion(std::int64_t layers) {
  ModelSpec spec;
  spec.family = "qwen2";
  spec.vocab_size = 151936, spec.hidden_size = 896, spec.num_layers = layers, spec.num_heads = 14, spec.num_kv_heads = 2, spec.head_dim = 64;
  spec.ffn_size = 4864, spec.max_positions = 32768, spec.rope_theta = 1e6, spec.tied_head = true, spec.qkv_bias = true;
  return spec;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string method_name = argc > 1 ? argv[1] : "activation_matching";
  const long tokens = argc > 2 ? std::atol(argv[2]) : 4096, layers = argc > 3 ? std::atol(argv[3]) : 24;
  const auto products = argc > 4 && std::string_view(argv[4]) == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  const auto registry = PluginRegistry::load({SYMPHONY_BINARY_DIR "/bin/plugins"});
  Value params = ValueMap{};
  const auto names = scope_names();
  params.set("scope", ValueList(names.begin(), names.end()));
  const auto method = registry.create<Alignment>({method_name, params});
  const ModelSpec spec = qwen_half_billion(layers);
  std::vector<Model> models;
  for (const std::uint64_t seed : {1u, 2u}) {
    const Model model{spec, std::make_shared<RandomSource>(spec, seed), fmt::format("random{}", seed)};
    models.push_back(method->unties() ? untied(model) : model);
  }
  auto generator = at::detail::createCPUGenerator(3);
  const torch::Tensor tokens_NT = torch::randint(0, spec.vocab_size, {tokens / 256, 256}, generator, torch::TensorOptions().dtype(torch::kInt64));
  const auto groups = symmetry_groups(models.front().spec);
  const StreamedStatistics streamed(models, 0, method->needs(models.front().spec), tokens_NT, products);
  const TimedStatistics statistics(streamed);
  SilentRecorder silent;
  Context context;
  context.recorder = &silent;
  double start = cpu_seconds();
  const TransformSet set = method->align({models, 0, groups, statistics}, context).at(1);
  const double aligned = cpu_seconds() - start - statistics.seconds;
  start = cpu_seconds();
  const Model view = apply_transforms(models[1], set);
  for (const TensorInfo& info : view.tensors->infos()) view.tensors->get(info.name);
  const double applied = cpu_seconds() - start;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto a_layer = [&](double seconds) { return seconds / static_cast<double>(layers); };
  fmt::print("{}, {} tokens, {} layers, covariances in {}: CPU seconds a layer: statistics {:.2f}, matching {:.2f}, applying {:.2f}; peak {:.2f} GiB\n",
             method_name, tokens, layers, torch::toString(products), a_layer(statistics.seconds), a_layer(aligned), a_layer(applied),
             static_cast<double>(usage.ru_maxrss) / (1 << 20));
  return 0;
}
