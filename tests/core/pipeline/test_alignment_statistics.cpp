// Streamed statistics against the activations of whole models.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/alignment_statistics.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

class OneSite final : public Tap {
 public:
  OneSite(Site site, std::int64_t layer) : site_(site), layer_(layer) {}
  bool wants(Site site, std::int64_t layer) const override { return site == site_ && layer == layer_; }
  void record(Site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override { values_TF = values.clone(); }
  torch::Tensor values_TF;

 private:
  Site site_;
  std::int64_t layer_;
};

/// Activations of the whole model, first positions left out.
torch::Tensor activations(const Model& model, const torch::Tensor& tokens_NT, Site site, std::int64_t layer) {
  OneSite tap(site, layer);
  ForwardOptions options;
  options.tap = &tap;
  const torch::NoGradGuard no_grad;
  LanguageModel(model, nullptr).run(tokens_NT, positions_for(tokens_NT), options);
  const std::int64_t length = tokens_NT.size(1);
  return tap.values_TF.reshape({-1, length, tap.values_TF.size(1)}).narrow(1, 1, length - 1).reshape({-1, tap.values_TF.size(1)}).to(torch::kFloat64);
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

}  // namespace

TEST_CASE("alignment statistics: moments are those of the whole models' activations, in any order of asking", "[core][pipeline]") {
  const std::vector<Model> sources{random_model(tiny_spec(), 1), random_model(tiny_spec(), 2), random_model(tiny_spec(), 3)};
  const torch::Tensor tokens_NT = random_tokens(6, 12, 61, 4);
  StreamOptions small;
  small.chunk_tokens = 24;  // three chunks
  const StreamedStatistics statistics(sources, 1, {{Site::embedding}, {Site::ffn_hidden}, {Site::residual}}, tokens_NT, torch::kFloat32, small);
  CHECK(statistics.num_tokens() == 66);
  struct Asked { std::size_t source; Site site; std::int64_t layer; };
  for (const Asked& asked : {Asked{0, Site::ffn_hidden, 1}, Asked{0, Site::residual, 1}, Asked{2, Site::residual, 0}, Asked{2, Site::embedding, 0},
                             Asked{0, Site::ffn_hidden, 0}}) {
    CAPTURE(asked.source, asked.layer, site_name(asked.site));
    const PairMoments& moments = statistics.moments(asked.source, asked.site, asked.layer);
    const torch::Tensor a = activations(sources[1], tokens_NT, asked.site, asked.layer), b = activations(sources[asked.source], tokens_NT, asked.site, asked.layer);
    const torch::Tensor a0 = a - a.mean(0), b0 = b - b.mean(0);
    CHECK(moments.count == 66);
    CHECK(distance(moments.mean_a, a.mean(0)) < 1e-5);
    CHECK(distance(moments.var_b, b0.square().mean(0)) < 1e-5);
    CHECK(distance(moments.covariance, a0.t().mm(b0) / 66) < 1e-5);
  }
}

TEST_CASE("alignment statistics: products in bfloat16 round the covariance alone", "[core][pipeline]") {
  const std::vector<Model> sources{random_model(tiny_spec(), 1), random_model(tiny_spec(), 2)};
  const torch::Tensor tokens_NT = random_tokens(6, 12, 61, 4);
  const StreamedStatistics exact(sources, 0, {{Site::ffn_hidden}}, tokens_NT), rounded(sources, 0, {{Site::ffn_hidden}}, tokens_NT, torch::kBFloat16);
  const PairMoments &expected = exact.moments(1, Site::ffn_hidden, 1), &got = rounded.moments(1, Site::ffn_hidden, 1);
  CHECK(torch::equal(got.var_b, expected.var_b));
  CHECK(distance(got.covariance, expected.covariance) > 1e-6);
  CHECK(distance(got.covariance, expected.covariance) < 1e-2);
}

TEST_CASE("alignment statistics: tokens of the wrong shape and experts are refused", "[core][pipeline]") {
  const std::vector<Model> dense{random_model(tiny_spec(), 1)}, mixture{random_model(tiny_spec({.num_experts = 2}), 1)};
  CHECK_THROWS_WITH(StreamedStatistics(dense, 0, {}, random_tokens(3, 1, 61, 1)),
                    "alignment statistics: calibration tokens have shape [3, 1], expected [sequences, at least 2 tokens]");
  CHECK_THROWS_WITH(StreamedStatistics(mixture, 0, {}, random_tokens(3, 4, 61, 1)),
                    "alignment statistics: source 'random1' is a Mixture-of-Experts, expected dense sources");
}
