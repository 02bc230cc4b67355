// Evaluated tokens a second of the suite bits_per_byte beside the bare forward pass on the same windows, one window at a time as the suite does it:
// bench_evaluation [HIDDEN [LAYERS [WINDOWS [REPEATS]]]], by default 96, 3, 64, 7. The two alternate; CPU seconds, median of the repeats, one thread.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "core/model/initialise.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/silent_recorder.hpp"
#include "core/plugin/registry.hpp"
#include "core/plugin/eval.hpp"

using namespace symphony;

namespace {

constexpr std::int64_t kWindow = 129;

template <class Function>
double cpu_seconds_of(const Function& function) {
  const std::clock_t start = std::clock();
  function();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

LanguageModel made_model(std::int64_t hidden, std::int64_t layers) {
  ModelSpec spec;
  spec.vocab_size = 259, spec.hidden_size = hidden, spec.num_layers = layers, spec.num_heads = 4, spec.num_kv_heads = 4, spec.head_dim = hidden / 4;
  spec.ffn_size = 8 * hidden / 3, spec.max_positions = kWindow;
  return LanguageModel(Model{spec, std::make_shared<MemorySource>(initial_parameters(spec, 1), "bench"), "bench"}, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, long fallback) { return argc > index ? std::atol(argv[index]) : fallback; };
  const long hidden = argument(1, 96), layers = argument(2, 3), windows = argument(3, 64), repeats = argument(4, 7);
  if (hidden < 8 || hidden % 8 != 0 || layers < 1 || windows < 1 || repeats < 1) {
    std::fputs("usage: bench_evaluation [HIDDEN [LAYERS [WINDOWS [REPEATS]]]], HIDDEN a multiple of 8\n", stderr);
    return 2;
  }
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  const LanguageModel model = made_model(hidden, layers);
  const torch::Tensor stream = torch::randint(256, {windows * (kWindow - 1) + 1}, torch::kLong);
  const std::vector<EvalDomain> domains{{"random", false, make_windows(stream, kWindow, 1, windows), stream}};
  const auto registry = PluginRegistry::load({SYMPHONY_BINARY_DIR "/bin/plugins"});
  const auto suite = registry.create<Eval>({"bits_per_byte"});
  SilentRecorder recorder;
  Context context;
  context.recorder = &recorder;
  const auto bare = [&] {
    for (long window = 0; window < windows; ++window) {
      const torch::Tensor inputs_1T = domains[0].windows.tokens_NT.slice(0, window, window + 1).slice(1, 0, -1).contiguous();
      model.forward(inputs_1T, positions_for(inputs_1T));
    }
  };
  std::vector<double> bare_seconds, suite_seconds;
  bare();
  for (long repeat = 0; repeat < repeats; ++repeat) {
    bare_seconds.push_back(cpu_seconds_of(bare));
    suite_seconds.push_back(cpu_seconds_of([&] { suite->evaluate({model}, domains, context); }));
  }
  const double tokens = static_cast<double>(windows * (kWindow - 1));
  fmt::print("hidden {} layers {}: bare forward pass {:.0f} tokens/s, bits_per_byte {:.0f} tokens/s, ratio {:.3f} (CPU time, one thread, {} windows, median of {})\n", hidden,
             layers, tokens / median(bare_seconds), tokens / median(suite_seconds), median(bare_seconds) / median(suite_seconds), windows, repeats);
  return 0;
}
