// A view of another source in one element type: every floating-point tensor is rounded once, to nearest even, when it is read.
#pragma once

#include <memory>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

class CastSource final : public TensorSource {
 public:
  CastSource(std::shared_ptr<const TensorSource> source, torch::ScalarType dtype);
  const std::vector<TensorInfo>& infos() const override { return infos_; }
  torch::Tensor get(std::string_view name) const override;
  std::string label() const override { return source_->label(); }

 private:
  std::shared_ptr<const TensorSource> source_;
  std::vector<TensorInfo> infos_;
};

}  // namespace symphony
