// One source's tensors, unchanged: theta = theta_d. What mergekit calls passthrough; with experts from every source it is the plainest backbone,
// and with the other tensor kinds averaged it shows what averaging one kind costs. Rows that the donor lacks are the mean of those that hold them.
// Source: Goddard et al. 2024, "Arcee's MergeKit", arXiv 2403.13257.
#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "fusion.donor";

struct DonorParams {
  std::string source;
  static void describe(Schema& s) { s.field<&DonorParams::source>("source", "name of the source that gives its tensors; empty: the anchor"); }
};

class Donor final : public Fusion {
 public:
  explicit Donor(const DonorParams& params) : params_(params) {}

  FusionNeeds needs() const override { return {.stored_types = true}; }

  void check(std::size_t, const std::vector<std::string>& source_names) const override { donor(source_names, 0); }

  torch::Tensor fuse(const FusionInput& input) const override {
    const std::size_t donor_idx = donor(input.source_names, input.anchor);
    std::vector<double> weights(input.sources.size(), input.row_masks.empty() ? 0.0 : 1.0);
    weights[donor_idx] = 1.0;
    check_sources(input, weights, kWho);
    std::vector<double> donor_alone(input.sources.size(), 0.0);
    donor_alone[donor_idx] = 1.0;
    torch::Tensor result = fuse_held_rows(input, normalised_weights({}, weights.size(), kWho), kWho, [&](const std::vector<TensorRows>&) { return donor_alone; });
    if (input.row_masks.empty()) return result;
    for_rows({input.sources[donor_idx]}, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) {
      const std::int64_t count = parts.front().size(0);
      const torch::Tensor held = input.row_masks[donor_idx].narrow(0, first, count).unsqueeze(1);
      torch::Tensor rows = result.narrow(0, first, count);
      rows.copy_(torch::where(held, parts.front().to(torch::kFloat32), rows));
    });
    return result;
  }

 private:
  std::size_t donor(const std::vector<std::string>& source_names, std::size_t anchor) const {
    if (params_.source.empty()) return anchor;
    const auto found = std::find(source_names.begin(), source_names.end(), params_.source);
    if (found == source_names.end()) fail<ConfigError>(kWho, "no source {}; {}", quoted(params_.source), name_hint(params_.source, source_names));
    return static_cast<std::size_t>(found - source_names.begin());
  }

  DonorParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::Donor, symphony::DonorParams, "donor", /*revision=*/1,
                "one source's tensors, unchanged", "Goddard et al. 2024, Arcee's MergeKit, arXiv 2403.13257 (passthrough)");
