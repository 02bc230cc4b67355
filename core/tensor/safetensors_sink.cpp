// Writing safetensors: header first, then each tensor with pwrite(2) at its place, in whatever order they come.
#include "core/base/error.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

SafetensorsSink::SafetensorsSink(std::filesystem::path path, SafetensorsMetadata metadata) : path_(std::move(path)) {
  header_.metadata = std::move(metadata);
}

SafetensorsSink::~SafetensorsSink() = default;

void SafetensorsSink::announce(std::vector<TensorInfo> infos) {
  SYMPHONY_ASSERT(!announced_);
  announced_.emplace(path_.string(), std::move(infos));
  header_ = plan_safetensors(announced_->infos(), std::move(header_.metadata), path_.string());
  const std::string head = encode_safetensors_header(header_, path_.string());
  file_.emplace(path_);
  file_->write(0, head);
}

void SafetensorsSink::put(std::string_view name, const torch::Tensor& tensor) {
  SYMPHONY_ASSERT(announced_);
  const SafetensorsEntry& entry = header_.entries[announced_->accept(name, tensor)];
  const torch::Tensor local = tensor.detach().to(torch::kCPU).contiguous();
  file_->write(header_.data_start + entry.begin, {static_cast<const char*>(local.data_ptr()), local.nbytes()});
}

void SafetensorsSink::finish() {
  SYMPHONY_ASSERT(announced_);
  announced_->check_complete();
  file_->commit();
}

}  // namespace symphony
