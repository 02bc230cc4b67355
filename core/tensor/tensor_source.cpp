// Look-up in tensor sources and the in-memory implementation.
#include "core/tensor/tensor_source.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

TensorSource::~TensorSource() = default;

TensorRows TensorSource::by_rows(std::string_view name) const { return get(name); }

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto& all = infos();
  const auto at = std::lower_bound(all.begin(), all.end(), name, [](const TensorInfo& info, std::string_view key) { return info.name < key; });
  return at != all.end() && at->name == name ? &*at : nullptr;
}

const TensorInfo& TensorSource::info(std::string_view name) const {
  if (const TensorInfo* found = find(name)) return *found;
  fail<DataError>(label(), "no tensor {}; {}", quoted(name), name_hint(name, names()));
}

std::vector<std::string> TensorSource::names() const {
  std::vector<std::string> result;
  for (const TensorInfo& info : infos()) result.push_back(info.name);
  return result;
}

MemorySource::MemorySource(TensorMap tensors, std::string label) : tensors_(std::move(tensors)), label_(std::move(label)) {
  for (const auto& [name, tensor] : tensors_) infos_.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
}

const std::vector<TensorInfo>& MemorySource::infos() const { return infos_; }
std::string MemorySource::label() const { return label_; }

torch::Tensor MemorySource::get(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) info(name);  // throws with the nearest name
  return found->second;
}

TensorMap load_all(const TensorSource& source) {
  TensorMap tensors;
  for (const TensorInfo& info : source.infos()) tensors[info.name] = source.get(info.name);
  return tensors;
}

}  // namespace symphony
