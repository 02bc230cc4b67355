// The two views between one tensor a matrix and one tensor for all experts.
#include "core/model/packed_experts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr const char* kGateUp = "mlp.experts.gate_up_proj";
constexpr const char* kDown = "mlp.experts.down_proj";
constexpr std::array kMatrices{"gate_proj.weight", "up_proj.weight", "down_proj.weight"};

/// Where the matrix of an expert lies: rows first..first+rows-1 of entry `expert` of a packed tensor.
struct Slice {
  std::string packed, canonical;
  std::int64_t layer = 0, expert = 0, first = 0;
  std::vector<std::int64_t> shape;
};

std::vector<Slice> all_slices(const ModelSpec& spec) {
  const std::int64_t width = spec.moe->expert_width, hidden = spec.hidden_size;
  std::vector<Slice> slices;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
    for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert) {
      const std::string prefix = layer_prefix(layer), own = fmt::format("{}mlp.experts.{}.", prefix, expert);
      slices.push_back({prefix + kGateUp, own + kMatrices[0], layer, expert, 0, {width, hidden}});
      slices.push_back({prefix + kGateUp, own + kMatrices[1], layer, expert, width, {width, hidden}});
      slices.push_back({prefix + kDown, own + kMatrices[2], layer, expert, 0, {hidden, width}});
    }
  return slices;
}

std::vector<std::int64_t> packed_shape(const ModelSpec& spec, std::string_view name) {
  const std::int64_t experts = spec.moe->num_experts, width = spec.moe->expert_width, hidden = spec.hidden_size;
  return name.ends_with(kGateUp) ? std::vector{experts, 2 * width, hidden} : std::vector{experts, hidden, width};
}

void sort_by_name(std::vector<TensorInfo>& infos) {
  std::sort(infos.begin(), infos.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
}

class UnpackedExperts final : public TensorSource {
 public:
  UnpackedExperts(std::shared_ptr<const TensorSource> stored, const ModelSpec& spec) : stored_(std::move(stored)) {
    std::set<std::string, std::less<>> packed;
    for (Slice& slice : all_slices(spec)) {
      const TensorInfo& whole = stored_->info(slice.packed);
      if (const auto shape = packed_shape(spec, slice.packed); whole.shape != shape)
        fail<DataError>(label(), "tensor {} has shape {}, the configuration asks for {}", quoted(slice.packed), shape_text(whole.shape), shape_text(shape));
      packed.insert(slice.packed);
      infos_.push_back({slice.canonical, whole.dtype, slice.shape});
      slices_.emplace(slice.canonical, std::move(slice));
    }
    for (const TensorInfo& info : stored_->infos())
      if (!packed.count(info.name)) infos_.push_back(info);
    sort_by_name(infos_);
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return stored_->label(); }
  torch::Tensor get(std::string_view name) const override {
    info(name);  // throws with the nearest name
    const auto found = slices_.find(name);
    if (found == slices_.end()) return stored_->get(name);
    const Slice& slice = found->second;
    return stored_->get(slice.packed).select(0, slice.expert).narrow(0, slice.first, slice.shape[0]);
  }

 private:
  std::shared_ptr<const TensorSource> stored_;
  std::map<std::string, Slice, std::less<>> slices_;
  std::vector<TensorInfo> infos_;
};

class PackedExperts final : public TensorSource {
 public:
  PackedExperts(std::shared_ptr<const TensorSource> source, const ModelSpec& spec) : source_(std::move(source)) {
    std::set<std::string, std::less<>> parts;
    for (Slice& slice : all_slices(spec)) {
      const TensorInfo& part = source_->info(slice.canonical);
      const auto [packed, is_new] = packed_.try_emplace(slice.packed, Packed{{slice.packed, part.dtype, packed_shape(spec, slice.packed)}, {}});
      if (packed->second.info.dtype != part.dtype)
        fail<DataError>(label(), "tensor {} is {}, but those before it in {} are {}; packed experts need one type", quoted(part.name),
                        torch::toString(part.dtype), quoted(slice.packed), torch::toString(packed->second.info.dtype));
      parts.insert(slice.canonical);
      packed->second.slices.push_back(std::move(slice));
    }
    for (const auto& [name, packed] : packed_) infos_.push_back(packed.info);
    for (const TensorInfo& info : source_->infos())
      if (!parts.count(info.name)) infos_.push_back(info);
    sort_by_name(infos_);
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return source_->label(); }
  torch::Tensor get(std::string_view name) const override {
    info(name);  // throws with the nearest name
    const auto found = packed_.find(name);
    if (found == packed_.end()) return source_->get(name);
    torch::Tensor whole = torch::empty(found->second.info.shape, torch::TensorOptions().dtype(found->second.info.dtype));
    for (const Slice& slice : found->second.slices)
      whole.select(0, slice.expert).narrow(0, slice.first, slice.shape[0]).copy_(source_->get(slice.canonical));
    return whole;
  }

 private:
  struct Packed {
    TensorInfo info;
    std::vector<Slice> slices;
  };
  std::shared_ptr<const TensorSource> source_;
  std::map<std::string, Packed, std::less<>> packed_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

bool has_packed_experts(const TensorSource& source) {
  return std::any_of(source.infos().begin(), source.infos().end(), [](const TensorInfo& info) { return info.name.ends_with(kGateUp); });
}

std::shared_ptr<const TensorSource> unpacked_experts(std::shared_ptr<const TensorSource> stored, const ModelSpec& spec) {
  return std::make_shared<const UnpackedExperts>(std::move(stored), spec);
}

std::shared_ptr<const TensorSource> packed_experts(std::shared_ptr<const TensorSource> source, const ModelSpec& spec) {
  return std::make_shared<const PackedExperts>(std::move(source), spec);
}

}  // namespace symphony
