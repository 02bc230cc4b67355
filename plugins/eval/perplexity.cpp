// Perplexity of held-out text by rolling windows: the model sees at most `length` tokens, each window repeats `context` of the one before, every
// token is scored once, from BOS on. Totals over the text, not means of windows:
//   token_perplexity 2^(bits / tokens)   word_perplexity 2^(bits / words)   byte_perplexity 2^(bits / bytes)   bits_per_byte bits / bytes
// words are separated by whitespace in the original text. context 1 is what lm-evaluation-harness 0.4.9 does; half the length wastes less on
// window starts. Standard errors are those of a ratio over windows, carried through 2^x to first order.
// Source: Gao et al. 2024, lm-evaluation-harness, zenodo 12608602 (rolling log-likelihood).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct PerplexityParams {
  std::int64_t length = 128, context = 64, tokens = 8192, batch_size = 1;
  static void describe(Schema& s) {
    s.field<&PerplexityParams::length>("length", "tokens that the model sees at most").at_least(2).in("tokens");
    s.field<&PerplexityParams::context>("context", "tokens that a window repeats of the one before; 1 as lm-evaluation-harness, length / 2 for reports").at_least(1).in("tokens");
    s.field<&PerplexityParams::tokens>("tokens", "tokens of each domain, from the start of its held-out text; 0: all").at_least(0).in("tokens");
    s.field<&PerplexityParams::batch_size>("batch_size", "windows in one pass; with 1 a window's bits are the same in any company").at_least(1);
  }
};

std::int64_t count_words(const std::string& text) {
  std::int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

/// Bits over the text, and how many of each unit they are spread over.
struct Totals {
  Estimate bits_per_byte;
  double bits = 0.0, tokens = 0.0, words = 0.0, bytes = 0.0;
};

class Perplexity final : public Eval {
 public:
  explicit Perplexity(const PerplexityParams& params) : params_(params) {
    if (params.context > params.length) fail<ConfigError>("eval.perplexity", "got context {} and length {}, expected a context of at most the length", params.context, params.length);
  }
  int version() const override { return 1; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    std::vector<EvalRow> rows;
    std::array<std::vector<Estimate>, 2> bits_per_byte;
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      const Totals totals = measure(subject, domains[domain]);
      add_rows(domains[domain].name, totals, rows);
      bits_per_byte[domains[domain].out_of_distribution ? 1 : 0].push_back(totals.bits_per_byte);
      context.progress(static_cast<double>(domain + 1) / static_cast<double>(domains.size()));
    }
    for (const std::size_t ood : {0, 1}) {
      if (bits_per_byte[ood].empty()) continue;
      const Estimate mean = mean_of_estimates(bits_per_byte[ood]);
      rows.push_back({ood ? kOutOfDistribution : kInDomain, "rolling_bits_per_byte", mean.mean, mean.std_error, mean.n, "bits", EvalRow::Better::lower});
    }
    return rows;
  }

 private:
  Totals measure(const Subject& subject, const EvalDomain& domain) const {
    const torch::Tensor stream_S = params_.tokens == 0 ? domain.stream : domain.stream.slice(0, 0, params_.tokens + 1);
    const WindowSet windows = make_windows(stream_S, params_.length + 1, params_.context, std::numeric_limits<std::int64_t>::max(), subject.tokenizer->token_bytes());
    const std::vector<double> bits = window_bits(subject.predictor, windows, params_.batch_size);
    const torch::Tensor scored_S = stream_S.slice(0, 1).to(torch::kLong).contiguous();
    Totals totals;
    totals.bits_per_byte = ratio_of(bits, windows.bytes);
    totals.bits = std::accumulate(bits.begin(), bits.end(), 0.0);
    totals.bytes = std::accumulate(windows.bytes.begin(), windows.bytes.end(), 0.0);
    totals.tokens = static_cast<double>(scored_S.size(0));
    totals.words = static_cast<double>(count_words(subject.tokenizer->decode({scored_S.data_ptr<std::int64_t>(), static_cast<std::size_t>(scored_S.size(0))})));
    if (totals.words == 0) fail<DataError>("eval.perplexity", "domain '{}' has no word in its {} tokens", domain.name, scored_S.size(0));
    return totals;
  }

  static void add_rows(const std::string& domain, const Totals& totals, std::vector<EvalRow>& rows) {
    const Estimate& ratio = totals.bits_per_byte;
    rows.push_back({domain, "rolling_bits_per_byte", ratio.mean, ratio.std_error, ratio.n, "bits", EvalRow::Better::lower});
    for (const auto& [metric, units] : {std::pair{"token_perplexity", totals.tokens}, {"word_perplexity", totals.words}, {"byte_perplexity", totals.bytes}}) {
      const double perplexity = std::exp2(totals.bits / units);
      const double error = perplexity * std::numbers::ln2 * ratio.std_error * totals.bytes / units;
      if (std::isfinite(perplexity)) rows.push_back({domain, metric, perplexity, error, ratio.n, "1", EvalRow::Better::lower});
    }
  }

  PerplexityParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::Perplexity, symphony::PerplexityParams, "perplexity", /*revision=*/1,
                "perplexity of a token, a word and a byte by rolling windows of stated context", "Gao et al. 2024, lm-evaluation-harness, zenodo 12608602");
