// Tensors in memory over another source.
#include "core/tensor/overlay_source.hpp"

#include <algorithm>

namespace symphony {

OverlaySource::OverlaySource(std::shared_ptr<const TensorSource> below, TensorMap over) : below_(std::move(below)), over_(std::move(over)) {
  for (const TensorInfo& info : below_->infos())
    if (!over_.contains(info.name)) infos_.push_back(info);
  for (auto& [name, tensor] : over_) {
    tensor = tensor.contiguous();
    infos_.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  }
  std::sort(infos_.begin(), infos_.end(), [](const TensorInfo& left, const TensorInfo& right) { return left.name < right.name; });
}

torch::Tensor OverlaySource::get(std::string_view name) const {
  const auto found = over_.find(name);
  if (found != over_.end()) return found->second;
  info(name);  // throws with the nearest name of both layers
  return below_->get(name);
}

}  // namespace symphony
