// Transforms applied on reading. The moves of a tensor are collected in the canonical order of the groups and carried out one after the other.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/precision.hpp"
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

bool are_exact(const std::vector<AxisMove>& moves) {
  return std::all_of(moves.begin(), moves.end(), [](const AxisMove& move) { return move.transform.is_exact(); });
}

/// Whether every row of the result, a matrix, comes from one row.
bool keep_rows_whole(const std::vector<AxisMove>& moves) {
  return std::all_of(moves.begin(), moves.end(), [](const AxisMove& move) { return move.axis > 0 || (move.axis == 0 && move.transform.is_monomial()); });
}

/// Whether that is the row in the same place, as it is.
bool leave_rows_in_place(const std::vector<AxisMove>& moves) {
  return std::all_of(moves.begin(), moves.end(), [](const AxisMove& move) { return move.axis > 0; });
}

/// Row j of the result is row from[j] times factor[j].
struct RowMove {
  torch::Tensor from, factor;  ///< int64; float64, or undefined where all are 1
};

/// What moves along the first axis do to a column of row numbers, and to ones.
RowMove moves_of_rows(std::int64_t num_rows, const std::vector<AxisMove>& moves) {
  torch::Tensor factor = torch::ones({num_rows, 1}, torch::kFloat64);
  torch::Tensor numbers = torch::arange(1, num_rows + 1, torch::kFloat64).unsqueeze(1);
  for (const AxisMove& move : moves)
    if (move.axis == 0) factor = moved(factor, move), numbers = moved(numbers, move);
  const bool are_ones = (factor == 1).all().item<bool>();
  return {(numbers / factor).round().to(torch::kInt64).squeeze(1) - 1, are_ones ? torch::Tensor() : factor.squeeze(1)};
}

/// What is exact keeps its type and its bits; anything else is float32 at least, because a rotation rounded to bfloat16 changes the function by more than
/// the check of an alignment may let pass (and a task vector is lost in it).
class TransformedSource final : public TensorSource {
 public:
  TransformedSource(std::shared_ptr<const TensorSource> source, TensorMoves moves, std::string label)
      : source_(std::move(source)), moves_(std::move(moves)), label_(std::move(label)), infos_(source_->infos()) {
    for (TensorInfo& info : infos_)
      if (const auto found = moves_.find(info.name); found != moves_.end() && !are_exact(found->second)) info.dtype = at_least_float32(info.dtype);
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return label_; }

  torch::Tensor get(std::string_view name) const override {
    const auto moves = moves_.find(name);
    if (moves == moves_.end()) return source_->get(name);
    const bool exact = are_exact(moves->second);
    // A whole embedding in float64 would be the largest thing in the process.
    if (!exact && leave_rows_in_place(moves->second)) return made_of_rows(name, moves->second).whole();
    const torch::Tensor given = source_->get(name);
    torch::Tensor tensor = exact ? given : given.to(torch::kFloat64);
    for (const AxisMove& move : moves->second) tensor = moved(tensor, move);
    return tensor.to(info(name).dtype).contiguous();
  }

  TensorRows by_rows(std::string_view name) const override {
    const auto moves = moves_.find(name);
    if (moves == moves_.end()) return source_->by_rows(name);
    return info(name).shape.size() > 1 && keep_rows_whole(moves->second) ? made_of_rows(name, moves->second) : get(name);
  }

 private:
  /// Rows gathered, times a factor each, then moved along the other axis: in the stored type where that is exact, else in float64 and rounded once.
  TensorRows made_of_rows(std::string_view name, const std::vector<AxisMove>& moves) const {
    const TensorRows given = source_->by_rows(name);
    const bool exact = are_exact(moves);
    std::vector<AxisMove> along_rows;
    std::copy_if(moves.begin(), moves.end(), std::back_inserter(along_rows), [](const AxisMove& move) { return move.axis > 0; });
    const RowMove row_move = moves_of_rows(given.num_rows(), moves);
    const torch::ScalarType dtype = info(name).dtype;
    return {given.shape(), dtype, [=](const torch::Tensor& index) {
      torch::Tensor rows = given.gather(row_move.from.index_select(0, index)).to(exact ? given.dtype() : torch::kFloat64);
      if (row_move.factor.defined()) rows = rows * row_move.factor.index_select(0, index).to(rows.scalar_type()).unsqueeze(1);
      for (const AxisMove& move : along_rows) rows = moved(rows, move);
      return rows.to(dtype).contiguous();
    }};
  }

  std::shared_ptr<const TensorSource> source_;
  TensorMoves moves_;
  std::string label_;
  std::vector<TensorInfo> infos_;
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
  torch::Tensor get(std::string_view name) const override { return source_->get(original(name)); }
  TensorRows by_rows(std::string_view name) const override { return source_->by_rows(original(name)); }
  std::string label() const override { return source_->label() + ", untied"; }

 private:
  static std::string_view original(std::string_view name) { return name == kHead ? kEmbedding : name; }

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
