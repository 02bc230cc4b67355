// A tensor source with more tensors laid over it: those in memory are added, or replace the ones of the same name; the rest is read through.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

class OverlaySource final : public TensorSource {
 public:
  OverlaySource(std::shared_ptr<const TensorSource> below, TensorMap over);
  const std::vector<TensorInfo>& infos() const override { return infos_; }
  torch::Tensor get(std::string_view name) const override;
  std::string label() const override { return below_->label(); }

 private:
  std::shared_ptr<const TensorSource> below_;
  TensorMap over_;
  std::vector<TensorInfo> infos_;
};

}  // namespace symphony
