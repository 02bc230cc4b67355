// Directions of the perturbation: one bit a weight.
#include "core/model/perturb.hpp"

#include <limits>

#include "core/base/random.hpp"

namespace symphony {

namespace {

/// Every number moved to its neighbour above or below.
class PerturbedView final : public TensorSource {
 public:
  PerturbedView(std::shared_ptr<const TensorSource> below, std::uint64_t seed) : below_(std::move(below)), seed_(seed) {}

  const std::vector<TensorInfo>& infos() const override { return below_->infos(); }
  std::string label() const override { return below_->label() + ", perturbed by one ulp"; }

  torch::Tensor get(std::string_view name) const override {
    const torch::Tensor given = below_->get(name);
    torch::Tensor target = torch::empty(given.sizes(), torch::kFloat32);
    const auto num_entries = static_cast<std::size_t>(target.numel());
    float* const towards = target.data_ptr<float>();
    Random random(seed_, "ulp/" + std::string(name));
    std::uint32_t bits = 0;
    for (std::size_t entry = 0; entry < num_entries; ++entry, bits >>= 1) {
      if (entry % 32 == 0) bits = random.next_u32();
      towards[entry] = bits & 1 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
    }
    return torch::nextafter(given, target.to(given.scalar_type()));
  }

 private:
  std::shared_ptr<const TensorSource> below_;
  std::uint64_t seed_;
};

}  // namespace

Model perturb_by_one_ulp(const Model& model, std::uint64_t seed) {
  return {model.spec, std::make_shared<PerturbedView>(model.tensors, seed), model.name};
}

}  // namespace symphony
