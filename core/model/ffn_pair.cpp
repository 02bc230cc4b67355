// Inner products of units, some of the anchor's at a time.
#include "core/model/ffn_pair.hpp"

namespace symphony {

namespace {

double product_of_norms(const FfnUnits& a, const FfnUnits& b) {
  const double product = (a.norms().norm() * b.norms().norm()).item<double>();
  return product > 0 ? product : 1;
}

torch::Tensor in_float32(const FfnUnits& units) {
  torch::Tensor all;
  for_units(units.count(), [&](std::int64_t first, std::int64_t count) {
    const torch::Tensor some = units.range(first, count);
    if (!all.defined()) all = torch::empty({units.count(), some.size(1)});
    all.narrow(0, first, count).copy_(some);
  });
  return all;
}

}  // namespace

FfnPair::FfnPair(const Model& anchor, const Model& source, std::int64_t layer)
    : anchor_(anchor), source_(source), layer_(layer), anchor_balance_F_(unit_balance(anchor, layer)), source_balance_F_(unit_balance(source, layer)) {}

void FfnPair::add_similarity(FfnPart part, torch::Tensor& sum_FF) const {
  const FfnUnits anchor = of_anchor(part), source = of_source(part);
  const double divisor = product_of_norms(anchor, source);
  const torch::Tensor source_FD = in_float32(source);
  for_units(num_units(), [&](std::int64_t first, std::int64_t count) {
    sum_FF.narrow(0, first, count).addmm_((anchor.range(first, count) / divisor).to(torch::kFloat32), source_FD.t());
  });
}

torch::Tensor FfnPair::pair_similarity(FfnPart part, const torch::Tensor& units) const {
  const FfnUnits anchor = of_anchor(part), source = of_source(part);
  const torch::Tensor similarity_F = torch::empty({num_units()}, torch::kFloat64);
  for_units(num_units(), [&](std::int64_t first, std::int64_t count) {
    similarity_F.narrow(0, first, count).copy_((anchor.range(first, count) * source.select(units.narrow(0, first, count))).sum(1));
  });
  return similarity_F / product_of_norms(anchor, source);
}

torch::Tensor FfnPair::residual_similarity(FfnPart part) const {
  const std::int64_t width = anchor_.spec.hidden_size;
  const FfnUnits anchor = of_anchor(part), source = of_source(part);
  torch::Tensor sum_DD = torch::zeros({width, width}, torch::kFloat64);
  for_units(num_units(), [&](std::int64_t first, std::int64_t count) {
    sum_DD.addmm_(anchor.range(first, count).narrow(1, 0, width).t(), source.range(first, count).narrow(1, 0, width));
  });
  return sum_DD / product_of_norms(anchor, source);
}

}  // namespace symphony
