// A view that shows chosen tensors of another source under other names. Tensors that are not chosen are not in the view.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

class RenamedSource final : public TensorSource {
 public:
  /// `original_of`: name in this view to name in `source`. Throws DataError when `source` lacks one.
  RenamedSource(std::shared_ptr<const TensorSource> source, std::map<std::string, std::string, std::less<>> original_of, std::string label);

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  torch::Tensor get(std::string_view name) const override;
  std::string label() const override { return label_; }

 private:
  std::shared_ptr<const TensorSource> source_;
  std::map<std::string, std::string, std::less<>> original_of_;
  std::vector<TensorInfo> infos_;
  std::string label_;
};

}  // namespace symphony
