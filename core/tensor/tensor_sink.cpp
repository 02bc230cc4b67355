// The in-memory sink, and what every sink checks.
#include "core/tensor/tensor_sink.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

TensorSink::~TensorSink() = default;

AnnouncedTensors::AnnouncedTensors(std::string label, std::vector<TensorInfo> infos) : label_(std::move(label)), infos_(std::move(infos)) {
  std::sort(infos_.begin(), infos_.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  const auto twin = std::adjacent_find(infos_.begin(), infos_.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name == b.name; });
  if (twin != infos_.end()) fail<DataError>(label_, "tensor {} is announced twice", quoted(twin->name));
  is_put_.assign(infos_.size(), false);
}

std::size_t AnnouncedTensors::accept(std::string_view name, const torch::Tensor& tensor) {
  const auto at = std::lower_bound(infos_.begin(), infos_.end(), name, [](const TensorInfo& info, std::string_view key) { return info.name < key; });
  if (at == infos_.end() || at->name != name) {
    std::vector<std::string> names;
    for (const TensorInfo& info : infos_) names.push_back(info.name);
    fail<DataError>(label_, "tensor {} was not announced; {}", quoted(name), name_hint(name, names));
  }
  const std::size_t tensor_idx = static_cast<std::size_t>(at - infos_.begin());
  if (!tensor.defined()) fail<DataError>(label_, "tensor {} is undefined", quoted(name));
  if (tensor.sizes() != torch::IntArrayRef(at->shape))
    fail<DataError>(label_, "tensor {} has shape {}, announced as {}", quoted(name), shape_text(tensor.sizes().vec()), shape_text(at->shape));
  if (tensor.scalar_type() != at->dtype)
    fail<DataError>(label_, "tensor {} is {}, announced as {}", quoted(name), torch::toString(tensor.scalar_type()), torch::toString(at->dtype));
  if (is_put_[tensor_idx]) fail<DataError>(label_, "tensor {} is put a second time", quoted(name));
  is_put_[tensor_idx] = true;
  return tensor_idx;
}

void AnnouncedTensors::check_complete() const {
  std::vector<std::string> missing;
  for (std::size_t tensor_idx = 0; tensor_idx < infos_.size(); ++tensor_idx)
    if (!is_put_[tensor_idx]) missing.push_back(quoted(infos_[tensor_idx].name));
  if (missing.empty()) return;
  constexpr std::size_t kShown = 8;
  const std::size_t num_missing = missing.size();
  if (num_missing > kShown) missing.resize(kShown), missing.push_back("...");
  fail<DataError>(label_, "{} of {} announced tensors were never put: {}", num_missing, infos_.size(), join(missing, ", "));
}

void MemorySink::announce(std::vector<TensorInfo> infos) { announced_.emplace("in-memory sink", std::move(infos)); }

void MemorySink::put(std::string_view name, const torch::Tensor& tensor) {
  SYMPHONY_ASSERT(announced_);
  announced_->accept(name, tensor);
  tensors_.emplace(name, tensor);
}

void MemorySink::finish() {
  SYMPHONY_ASSERT(announced_);
  announced_->check_complete();
  finished_ = true;
}

TensorMap MemorySink::take() {
  SYMPHONY_ASSERT(finished_);
  return std::move(tensors_);
}

void copy_tensors(const TensorSource& source, TensorSink& sink) {
  sink.announce(source.infos());
  for (const TensorInfo& info : source.infos()) sink.put(info.name, source.get(info.name));
  sink.finish();
}

}  // namespace symphony
