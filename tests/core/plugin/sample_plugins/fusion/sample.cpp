// A fusion method for the tests of the registry: sum_i share^i x_i. It has a parameter of every kind that messages are checked for, and
// errors that cross the library's boundary on demand.
#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/fusion.hpp"

namespace {

struct SampleParams {
  double share = 0.5;
  std::int64_t rounds = 1;
  std::string norm = "none";
  std::vector<double> weights;
  static void describe(symphony::Schema& s) {
    s.field<&SampleParams::share>("share", "factor from one source to the next").range(0, 1);
    s.field<&SampleParams::rounds>("rounds", "how often the sum is taken").at_least(1).in("rounds");
    s.field<&SampleParams::norm>("norm", "what the result is scaled to").one_of({"none", "unit"});
    s.field<&SampleParams::weights>("weights", "one a source").at_least(0);
  }
};

class Sample final : public symphony::Fusion {
 public:
  explicit Sample(const SampleParams& params) : params_(params) {}

  void check(std::size_t num_sources, const std::vector<std::string>&) const override {
    if (num_sources == 0) symphony::fail<symphony::DataError>("fusion.sample", "got no sources");
    if (num_sources == 1) throw std::out_of_range("one source");
  }

  torch::Tensor fuse(const symphony::FusionInput& input) const override {
    torch::Tensor result = torch::zeros_like(input.sources.front().whole());
    double factor = 1.0;
    for (const symphony::TensorRows& source : input.sources) {
      result = result + factor * source.whole();
      factor *= params_.share;
    }
    return result;
  }

 private:
  SampleParams params_;
};

}  // namespace

SYMPHONY_PLUGIN(symphony::Fusion, Sample, SampleParams, "sample", /*revision=*/3, "a weighted sum for the tests of the registry",
                "written for these tests");
