// Training state in a safetensors file.
#include "core/train/checkpointing.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

void save_checkpoint(const std::filesystem::path& path, const TensorMap& parameters, const AdamW& optimiser, const std::string& identity) {
  TensorMap all = optimiser.state();
  for (const auto& [name, tensor] : parameters) all.emplace("parameter/" + name, tensor.detach());
  SafetensorsSink sink(path, {{"steps_done", std::to_string(optimiser.steps_done())}, {"run", identity}});
  copy_tensors(MemorySource(std::move(all), "training state"), sink);
}

void restore_checkpoint(const std::filesystem::path& path, const TensorMap& parameters, AdamW& optimiser, const std::string& identity) {
  const SafetensorsSource source(path);
  const auto& metadata = source.metadata();
  if (!metadata.contains("run") || !metadata.contains("steps_done"))
    fail<DataError>(path.string(), "is not a training checkpoint: it has no 'run' and 'steps_done'; remove it to start over");
  if (metadata.at("run") != identity)
    fail<DataError>(path.string(), "belongs to another training run, {}, expected {}; remove it to start over", metadata.at("run"), identity);

  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : parameters) {
    const auto stored = source.get("parameter/" + name);
    if (stored.sizes() != tensor.sizes())
      fail<DataError>(path.string(), "tensor {} has shape {}, expected {}", quoted(name), shape_text(stored.sizes()), shape_text(tensor.sizes()));
    torch::Tensor(tensor).copy_(stored);
  }
  optimiser.restore(load_all(source), std::stoll(metadata.at("steps_done")));
}

}  // namespace symphony
