// What the tests of suites share: a recorder that keeps what it gets, made-up domains, small Mixtures-of-Experts with a router that obeys.
#pragma once

#include <map>

#include "core/base/random.hpp"
#include "core/model/symmetry.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

namespace symphony::testing {

class KeepingRecorder final : public Recorder {
 public:
  struct Array {
    std::vector<RecordAxis> axes;
    std::vector<float> values;
  };
  void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) override {
    std::size_t expected = 1;
    for (const RecordAxis& axis : axes) {
      expected *= axis.size;
      CHECK((axis.labels.empty() || axis.labels.size() == axis.size));
    }
    CHECK(values.size() == expected);
    CHECK(arrays.emplace(info.name, Array{{axes.begin(), axes.end()}, {values.begin(), values.end()}}).second);
  }
  void scalar(const RecordInfo& info, double value) override { scalars[info.name] = value; }
  void note(std::string_view, std::string_view) override {}

  std::map<std::string, Array> arrays;
  std::map<std::string, double> scalars;
};

inline Context eval_context(KeepingRecorder& recorder) {
  Context context;
  context.recorder = &recorder;
  return context;
}

/// A domain whose tokens lie in [first, first + count).
inline EvalDomain made_up_domain(const std::string& name, std::int64_t first, std::int64_t count, std::int64_t windows, bool ood = false,
                                 std::int64_t length = 17, std::int64_t context = 1) {
  Random random(7, name);
  torch::Tensor stream = torch::empty({windows * (length - context) + context}, torch::kLong);
  for (std::int64_t at = 0; at < stream.size(0); ++at) stream[at] = first + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count)));
  return {name, ood, make_windows(stream, length, context, windows), stream};
}

/// A source whose aligned form is given, or is the original.
inline EvalSource made_up_source(const std::string& name, const Model& original, const Model& aligned) { return {name, name, original, aligned}; }
inline EvalSource made_up_source(const std::string& name, const Model& original) { return {name, name, original, original}; }

/// The same function in another basis: hidden units, heads and the residual stream permuted and signed.
inline Model scrambled(const Model& model, std::uint64_t seed) {
  return apply_transforms(model, random_transforms(symmetry_groups(model.spec), {"ffn", "attention_heads", "residual"}, true, seed));
}

/// Sends every token to the expert `token id / divisor` with weight 0.75, and to the next one with 0.25; logits are 1 at the first, 0 elsewhere.
class ObedientRouter final : public Router {
 public:
  explicit ObedientRouter(std::int64_t divisor) : divisor_(divisor) {}
  RouterProperties properties() const override { return {}; }
  std::int64_t choices_per_token(std::int64_t) const override { return 2; }
  std::vector<RouterParameter> parameters(const ModelSpec&) const override { return {}; }
  RouterOutput route(const RouterInput& input, const TensorMap&) const override {
    const torch::Tensor first_T = input.token_ids_T.div(divisor_, "floor").remainder(input.num_experts);
    RouterOutput output;
    // The heavier choice stands second, so that a reader who takes slot 0 for the first expert is wrong.
    output.choices_TK = torch::stack({(first_T + 1).remainder(input.num_experts), first_T}, 1);
    output.weights_TK = torch::tensor({0.25f, 0.75f}).expand({first_T.size(0), 2}).contiguous();
    output.logits_TE = torch::one_hot(first_T, input.num_experts).to(torch::kFloat);
    return output;
  }

 private:
  std::int64_t divisor_;
};

/// A random Mixture-of-Experts without router parameters.
inline Model routerless_moe(std::int64_t num_experts, std::uint64_t seed, const TinyOptions& base = {}) {
  TinyOptions options = base;
  options.num_experts = num_experts;
  ModelSpec spec = tiny_spec(options);
  spec.moe->router = Method{"obedient", ValueMap{}};
  return random_model(spec, seed);
}

inline const EvalRow& row_of(const std::vector<EvalRow>& rows, const std::string& task, const std::string& metric) {
  for (const EvalRow& row : rows)
    if (row.task == task && row.metric == metric) return row;
  FAIL("no row " << task << " " << metric);
  return rows.front();
}

inline bool has_row(const std::vector<EvalRow>& rows, const std::string& task, const std::string& metric) {
  return std::any_of(rows.begin(), rows.end(), [&](const EvalRow& row) { return row.task == task && row.metric == metric; });
}

}  // namespace symphony::testing
