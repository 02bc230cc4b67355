// Computed in float64 and rounded once, to float32 at least: a factor near 1 is lost in bfloat16.
#include "core/model/scaled_rows.hpp"

#include "core/model/precision.hpp"

namespace symphony {

namespace {

class ScaledRows final : public TensorSource {
 public:
  ScaledRows(std::shared_ptr<const TensorSource> below, std::shared_ptr<const TensorMap> changes)
      : below_(std::move(below)), changes_(std::move(changes)), infos_(below_->infos()) {
    for (TensorInfo& info : infos_)
      if (changes_->contains(info.name + ".scale") || changes_->contains(info.name + ".shift")) info.dtype = at_least_float32(info.dtype);
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return below_->label() + ", rows scaled"; }

  torch::Tensor get(std::string_view name) const override {
    const torch::Tensor given = below_->get(name);
    const auto scale = changes_->find(std::string(name) + ".scale"), shift = changes_->find(std::string(name) + ".shift");
    if (scale == changes_->end() && shift == changes_->end()) return given;
    torch::Tensor tensor = given.to(torch::kFloat64);
    if (scale != changes_->end()) {
      std::vector<std::int64_t> shape(static_cast<std::size_t>(given.dim()), 1);
      shape[0] = scale->second.numel();
      tensor = tensor * scale->second.to(torch::kFloat64).reshape(shape);
    }
    if (shift != changes_->end()) tensor = tensor + shift->second.to(torch::kFloat64);
    return tensor.to(info(name).dtype);
  }

 private:
  std::shared_ptr<const TensorSource> below_;
  std::shared_ptr<const TensorMap> changes_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

Model with_scaled_rows(const Model& model, std::shared_ptr<const TensorMap> changes) {
  return {model.spec, std::make_shared<ScaledRows>(model.tensors, std::move(changes)), model.name};
}

}  // namespace symphony
