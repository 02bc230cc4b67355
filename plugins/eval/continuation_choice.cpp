// Which of k continuations is the true one? Items are made from held-out text of a domain: a stretch of context, its true continuation, and
// as distractors the continuations of other stretches of the same domain, so that style and topic alone do not give the answer away. The
// continuation of largest log-likelihood is the model's answer; all have the same number of tokens. Chance is 1 / k. Items are a pure function
// of text and parameters: the same for every model, so that answers pair. An accuracy for models too small for published benchmarks.
// Source: the form of Zellers et al. 2019, HellaSwag, arXiv 1905.07830, with distractors taken from the text instead of generated.
#include <algorithm>
#include <limits>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/eval.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/continuation.hpp"
#include "core/score/estimators.hpp"

namespace symphony {
namespace {

struct ContinuationChoiceParams {
  std::int64_t choices = 4, items = 64, context = 48, continuation = 16, seed = 0, batch_size = 1;
  static void describe(Schema& s) {
    using P = ContinuationChoiceParams;
    s.field<&P::choices>("choices", "continuations to choose from, the true one among them").at_least(2);
    s.field<&P::items>("items", "items of each domain, fewer where its text is short").at_least(2);
    s.field<&P::context>("context", "tokens before the continuation").at_least(1).in("tokens");
    s.field<&P::continuation>("continuation", "tokens of each continuation").at_least(1).in("tokens");
    s.field<&P::seed>("seed", "of the draw of distractors and of the true one's place");
    s.field<&P::batch_size>("batch_size", "sequences in one pass; with 1 an item's scores are the same in any company").at_least(1);
  }
};

struct Item {
  std::vector<Continuation> choices;
  std::size_t answer = 0;
};

class ContinuationChoice final : public Eval {
 public:
  explicit ContinuationChoice(const ContinuationChoiceParams& params) : params_(params) {}
  int version() const override { return 1; }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    std::vector<std::vector<double>> correct;
    for (const EvalDomain& domain : domains) {
      correct.push_back(answers(subject.predictor, make_items(domain)));
      context.progress(static_cast<double>(correct.size()) / static_cast<double>(domains.size()));
    }
    record(domains, correct, *context.recorder);
    std::vector<EvalRow> rows;
    std::vector<Estimate> in_domain, out_of_distribution;
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      const Estimate accuracy = mean_of(correct[domain]);
      rows.push_back(row(domains[domain].name, accuracy));
      (domains[domain].out_of_distribution ? out_of_distribution : in_domain).push_back(accuracy);
    }
    if (!in_domain.empty()) rows.push_back(row(kInDomain, mean_of_estimates(in_domain)));
    if (!out_of_distribution.empty()) rows.push_back(row(kOutOfDistribution, mean_of_estimates(out_of_distribution)));
    return rows;
  }

 private:
  static EvalRow row(const std::string& task, const Estimate& accuracy) {
    return {task, "accuracy", accuracy.mean, accuracy.std_error, accuracy.n, "1", EvalRow::Better::higher};
  }

  /// Stretches of context and continuation, evenly spaced over the text; BOS is in none of them.
  std::vector<Continuation> stretches(const EvalDomain& domain) const {
    const torch::Tensor stream_S = domain.stream.to(torch::kLong).contiguous();
    const std::int64_t length = params_.context + params_.continuation;
    const std::int64_t fitting = (stream_S.size(0) - 1) / length, count = std::min(params_.items, fitting);
    if (count < params_.choices)
      fail<DataError>("eval.continuation_choice", "domain '{}' has {} held-out tokens, expected at least {} for {} choices of {} tokens", domain.name, stream_S.size(0),
                      params_.choices * length + 1, params_.choices, length);
    std::vector<Continuation> result;
    for (std::int64_t item = 0; item < count; ++item) {
      const std::int64_t* start = stream_S.data_ptr<std::int64_t>() + 1 + item * fitting / count * length;
      result.push_back({{start, start + params_.context}, {start + params_.context, start + length}});
    }
    return result;
  }

  std::vector<Item> make_items(const EvalDomain& domain) const {
    const std::vector<Continuation> texts = stretches(domain);
    Random random(static_cast<std::uint64_t>(params_.seed), "continuation_choice " + domain.name);
    std::vector<Item> items;
    for (const Continuation& text : texts) {
      Item item;
      for (const std::int64_t other : random.permutation(static_cast<std::int64_t>(texts.size()))) {
        if (static_cast<std::int64_t>(item.choices.size()) + 1 == params_.choices) break;
        // Text repeats itself: what equals the truth is no distractor.
        const std::vector<std::int64_t>& tokens = texts[static_cast<std::size_t>(other)].tokens;
        if (tokens != text.tokens) item.choices.push_back({text.context, tokens});
      }
      if (static_cast<std::int64_t>(item.choices.size()) + 1 < params_.choices)
        fail<DataError>("eval.continuation_choice", "domain '{}' repeats one continuation of {} tokens too often for {} choices; take longer ones", domain.name,
                        params_.continuation, params_.choices);
      item.answer = random.below(static_cast<std::uint64_t>(params_.choices));
      item.choices.insert(item.choices.begin() + static_cast<std::ptrdiff_t>(item.answer), text);
      items.push_back(std::move(item));
    }
    return items;
  }

  /// 1 where the model's answer is right; among equal scores the first counts.
  std::vector<double> answers(const Predictor& predictor, const std::vector<Item>& items) const {
    std::vector<double> correct;
    for (const Item& item : items) {
      const auto scores = score_continuations(predictor, item.choices, 0, params_.batch_size);
      const auto best = std::max_element(scores.begin(), scores.end(), [](const auto& a, const auto& b) { return a.nats < b.nats; });
      correct.push_back(best - scores.begin() == static_cast<std::ptrdiff_t>(item.answer) ? 1.0 : 0.0);
    }
    return correct;
  }

  static void record(const std::vector<EvalDomain>& domains, const std::vector<std::vector<double>>& correct, Recorder& recorder) {
    RecordAxis domain_axis{"domain", domains.size(), {}, {}};
    std::size_t most = 0;
    for (std::size_t domain = 0; domain < domains.size(); ++domain) {
      domain_axis.labels.push_back(domains[domain].name);
      most = std::max(most, correct[domain].size());
    }
    std::vector<float> padded(domains.size() * most, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t domain = 0; domain < domains.size(); ++domain)
      for (std::size_t item = 0; item < correct[domain].size(); ++item) padded[domain * most + item] = static_cast<float>(correct[domain][item]);
    const std::vector<RecordAxis> axes{domain_axis, {"item", most, {}, {}}};
    recorder.array({"correct", "1", "1 where the true continuation was chosen; NaN where a domain has fewer items"}, axes, padded);
  }

  ContinuationChoiceParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::ContinuationChoice, symphony::ContinuationChoiceParams, "continuation_choice", /*revision=*/1,
                "pick the true continuation among k from the same domain: an accuracy for models of any size", "after Zellers et al. 2019, HellaSwag, arXiv 1905.07830");
