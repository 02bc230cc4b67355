// Transforms applied on reading. The moves of a tensor are collected in the canonical order of the groups and carried out one after the other.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/symmetry.hpp"

namespace symphony {

namespace {

constexpr const char* kRouterWeight = "mlp.router.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";
/// How far from 1 a folded gain may be for a rotation: float32 rounding and no more.
constexpr double kFoldedTolerance = 1e-6;

struct AxisMove {
  Transform transform;
  std::int64_t axis, block;
  Action action;
  std::int64_t repeat;
};
using TensorMoves = std::map<std::string, std::vector<AxisMove>, std::less<>>;

torch::Tensor moved(const torch::Tensor& tensor, const AxisMove& move) {
  if (move.axis == kAllEntries) return move.transform.apply(tensor.unsqueeze(0), 0, 1, move.action).squeeze(0);
  return move.transform.apply(tensor, move.axis, move.block, move.action, move.repeat);
}

class TransformedSource final : public TensorSource {
 public:
  TransformedSource(std::shared_ptr<const TensorSource> source, TensorMoves moves, std::string label)
      : source_(std::move(source)), moves_(std::move(moves)), label_(std::move(label)) {}

  const std::vector<TensorInfo>& infos() const override { return source_->infos(); }
  std::string label() const override { return label_; }

  torch::Tensor get(std::string_view name) const override {
    const torch::Tensor given = source_->get(name);
    const auto moves = moves_.find(name);
    if (moves == moves_.end()) return given;
    const bool exact = std::all_of(moves->second.begin(), moves->second.end(), [](const AxisMove& move) { return move.transform.is_exact(); });
    torch::Tensor tensor = exact ? given : given.to(torch::kFloat64);
    for (const AxisMove& move : moves->second) tensor = moved(tensor, move);
    return tensor.to(given.scalar_type()).contiguous();
  }

 private:
  std::shared_ptr<const TensorSource> source_;
  TensorMoves moves_;
  std::string label_;
};

void check_folded(const Model& model, const TransformSet& set, const std::string& label) {
  for (const NormPlace& place : norm_places(model.spec)) {
    torch::Tensor gain = model.tensors->get(place.gain).to(torch::kFloat64);
    if (const auto fold = set.find(place.id + ".fold"); fold != set.end()) gain = fold->second.apply(gain, 0);
    const double error = (gain - 1).abs().max().item<double>();
    if (!(error <= kFoldedTolerance))
      fail<PluginError>(label, "group 'residual': the transform is a rotation, but a gain of '{}' differs from 1 by {:.3g}; a rotation is exact only "
                               "once all gains are folded into their readers (group '{}.fold')", place.gain, error, place.id);
  }
}

void check_axis(const TensorInfo& info, const AxisUse& use, std::int64_t expected, const std::string& id, const std::string& label) {
  if (use.axis == kAllEntries) return;
  if (use.axis >= static_cast<std::int64_t>(info.shape.size()) || info.shape[static_cast<std::size_t>(use.axis)] != expected)
    fail<DataError>(label, "'{}' has shape {}, expected {} entries along axis {} for group '{}'", use.tensor, shape_text(info.shape), expected,
                    use.axis, id);
}

class UntiedSource final : public TensorSource {
 public:
  explicit UntiedSource(std::shared_ptr<const TensorSource> source) : source_(std::move(source)), infos_(source_->infos()) {
    TensorInfo head = source_->info(kEmbedding);
    head.name = kHead;
    const auto place = std::lower_bound(infos_.begin(), infos_.end(), head, [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
    infos_.insert(place, head);
  }
  const std::vector<TensorInfo>& infos() const override { return infos_; }
  torch::Tensor get(std::string_view name) const override { return source_->get(name == kHead ? kEmbedding : name); }
  std::string label() const override { return source_->label() + ", untied"; }

 private:
  std::shared_ptr<const TensorSource> source_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

Model apply_transforms(const Model& model, const TransformSet& set) {
  const auto groups = symmetry_groups(model.spec);
  const std::string label = fmt::format("aligned view of '{}'", model.name);
  check_transforms(groups, set, label, /*approximate=*/true);  // whoever made the set has been asked
  if (const auto residual = set.find("residual"); residual != set.end() && !residual->second.is_monomial()) check_folded(model, set, label);
  ModelSpec spec = model.spec;
  TensorMoves moves;
  for (const SymmetryGroup& group : groups) {
    const auto found = set.find(group.id);
    if (found == set.end() || found->second.is_identity()) continue;
    if (group.id == "residual.scale") spec.norm_eps *= std::pow(found->second.scale().front(), 2);
    for (const AxisUse& use : group.uses) {
      // A router that learns nothing, or learns something else than rows over the residual stream, has no such tensor.
      if (use.tensor.ends_with(kRouterWeight) && !model.tensors->find(use.tensor)) continue;
      const Transform move = use.by_kv_group ? induced_on_groups(found->second, group.group_size) : found->second;
      check_axis(model.tensors->info(use.tensor), use, move.size() * use.block * use.repeat, group.id, label);
      moves[use.tensor].push_back({move, use.axis, use.block, use.action, use.repeat});
    }
  }
  return {spec, std::make_shared<TransformedSource>(model.tensors, std::move(moves), label), model.name};
}

Model untied(const Model& model) {
  if (!model.spec.tied_head) return model;
  ModelSpec spec = model.spec;
  spec.tied_head = false;
  return {spec, std::make_shared<UntiedSource>(model.tensors), model.name};
}

}  // namespace symphony
