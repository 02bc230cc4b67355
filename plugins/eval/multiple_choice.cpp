// Questions with given choices, from a JSON Lines file and a template: the model's answer is the choice of largest log-likelihood after the
// prompt. With s_i the sum of log-probabilities of choice i (delimiter included):
//   acc               argmax s_i is right                        mc1   the same number under TruthfulQA's name
//   acc_norm          argmax s_i / characters of the choice      acc_bytes   s_i / its UTF-8 bytes
//   acc_mutual_info   argmax s_i - s_i(empty prompt)
//   mc2               sum over right choices of softmax(s)_i
// Ties go to the first choice. Worked answers are the first right choice. Source: Gao et al. 2024, lm-evaluation-harness 0.4.13 (zenodo
// 12608602), task type multiple_choice; MC1 and MC2: Lin et al. 2022, TruthfulQA, arXiv 2109.07958, section 3.2.
// Differs from the harness: several choices may be right (acc then counts any of them), and tasks without a single right one are refused.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/item_rows.hpp"
#include "core/score/continuation.hpp"
#include "core/score/prompt_template.hpp"
#include "core/score/questions.hpp"

namespace symphony {
namespace {

constexpr const char* kWhere = "eval.multiple_choice";

struct MultipleChoiceParams : QuestionSettings {
  std::vector<std::string> choices{"{choices}"}, labels, metrics{"acc", "acc_norm", "acc_bytes"};
  std::string answer = "{answer}";
  std::int64_t max_length = 0, batch_size = 1;
  static void describe(Schema& s) {
    using P = MultipleChoiceParams;
    s.field<&P::task>("task", "what tables call it").must_be_given();
    s.field<&P::data>("data", "JSON Lines file of questions, one object a line").must_be_given();
    QuestionSettings::describe(s);
    s.field<&P::choices>("choices", "templates of the choices; one that is a field holding a list stands for all of them");
    s.field<&P::labels>("labels", "templates of the choices' names where `answer` is such a name; as choices");
    s.field<&P::answer>("answer", "template of the right answer: a label, a number counted from 0, or the choice's text; a field with a list of 0 and 1 marks several");
    s.field<&P::metrics>("metrics", "what is reported").one_of({"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "mc1", "mc2"});
    s.field<&P::max_length>("max_length", "tokens that the model sees at most, cut on the left; 0: no limit").at_least(0).in("tokens");
    s.field<&P::batch_size>("batch_size", "choices of equal length in one pass; with 1 a score is the same in any company").at_least(1);
  }
};

/// Choices of one row and which of them are right.
struct Choices {
  std::vector<std::string> texts;
  std::vector<bool> right;
};

/// Log-likelihoods of one item's choices, after the prompt and (where asked for) after nothing.
struct Scores {
  std::vector<double> given, alone;
};

std::vector<PromptTemplate> templates(const std::vector<std::string>& texts) {
  std::vector<PromptTemplate> result;
  for (const std::string& text : texts) result.emplace_back(text, kWhere);
  return result;
}

std::vector<std::string> fill_all(const std::vector<PromptTemplate>& parts, const Value& row, std::string_view where) {
  std::vector<std::string> texts;
  for (const PromptTemplate& part : parts)
    for (std::string& text : part.fill_list(row, where)) texts.push_back(std::move(text));
  return texts;
}

double characters(const std::string& text) {
  return static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Of the largest quotient; the first of equals.
template <class Length>
std::size_t best(const std::vector<double>& scores, const std::vector<std::string>& texts, Length length) {
  std::size_t winner = 0;
  for (std::size_t choice = 1; choice < scores.size(); ++choice)
    if (scores[choice] / length(texts[choice]) > scores[winner] / length(texts[winner])) winner = choice;
  return winner;
}

double mass_of_right(const std::vector<double>& scores, const std::vector<bool>& right) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double all = 0.0, true_mass = 0.0;
  for (std::size_t choice = 0; choice < scores.size(); ++choice) {
    const double mass = std::exp(scores[choice] - largest);
    all += mass;
    if (right[choice]) true_mass += mass;
  }
  return true_mass / all;
}

class MultipleChoice final : public Eval {
 public:
  explicit MultipleChoice(const MultipleChoiceParams& params)
      : params_(params), choices_(templates(params.choices)), labels_(templates(params.labels)), answer_(params.answer, kWhere) {
    if (params.metrics.empty()) fail<ConfigError>(kWhere, "task '{}' asks for no metrics", params.task);
  }
  int version() const override { return 1; }
  std::string label() const override { return params_.task; }
  std::vector<std::string> inputs() const override {
    return params_.examples.empty() ? std::vector{params_.data} : std::vector{params_.data, params_.examples};
  }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>&, const Context& context) const override {
    std::vector<ItemScores> metrics;
    for (const std::string& metric : params_.metrics) metrics.push_back({metric, {}});
    std::vector<std::string> groups;
    std::vector<Scores> all_scores;
    const auto questions = ask(subject);
    double chance = 0.0;
    for (const AskedQuestion& question : questions) {
      const Choices choices = choices_of(question.row, question.where);
      all_scores.push_back(score(subject, question.prompt, choices.texts));
      for (ItemScores& metric : metrics) metric.values.push_back(worth(metric.metric, choices, all_scores.back()));
      groups.push_back(question.group);
      chance += static_cast<double>(std::count(choices.right.begin(), choices.right.end(), true)) / static_cast<double>(choices.texts.size());
      context.progress(static_cast<double>(groups.size()) / static_cast<double>(questions.size()));
    }
    record(all_scores, chance / static_cast<double>(questions.size()), *context.recorder);
    std::vector<EvalRow> rows;
    for (const ItemScores& metric : metrics) {
      record_items(metric, *context.recorder);
      for (EvalRow& row : item_rows(params_.task, groups, metric, params_.shots)) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  std::vector<AskedQuestion> ask(const Subject& subject) const {
    const auto rows = read_json_lines(subject.files.at(params_.data), params_.data);
    std::vector<Value> examples;
    if (!params_.examples.empty()) examples = read_json_lines(subject.files.at(params_.examples), params_.examples);
    const auto worked = [this](const Value& row, std::string_view where) {
      const Choices choices = choices_of(row, where);
      return choices.texts[static_cast<std::size_t>(std::find(choices.right.begin(), choices.right.end(), true) - choices.right.begin())];
    };
    return make_questions(params_, rows, params_.examples.empty() ? nullptr : &examples, worked, kWhere);
  }

  Choices choices_of(const Value& row, std::string_view where) const {
    Choices choices{fill_all(choices_, row, where), {}};
    if (choices.texts.size() < 2) fail<DataError>(where, "got {} choices, expected at least 2", choices.texts.size());
    for (const std::string& text : choices.texts)
      if (text.empty()) fail<DataError>(where, "got an empty choice, expected text");
    choices.right = right_of(row, choices.texts, where);
    if (std::count(choices.right.begin(), choices.right.end(), true) == 0) fail<DataError>(where, "no choice is right, expected at least one");
    return choices;
  }

  std::vector<bool> right_of(const Value& row, const std::vector<std::string>& texts, std::string_view where) const {
    const std::vector<std::string> answers = answer_.fill_list(row, where);
    const bool marks = answers.size() == texts.size() && std::all_of(answers.begin(), answers.end(), [](const std::string& text) { return text == "0" || text == "1"; });
    std::vector<bool> right(texts.size(), false);
    for (std::size_t index = 0; index < answers.size(); ++index) {
      if (!marks) right[place_of(answers[index], row, texts, where)] = true;
      else if (answers[index] == "1") right[index] = true;
    }
    return right;
  }

  std::size_t place_of(const std::string& answer, const Value& row, const std::vector<std::string>& texts, std::string_view where) const {
    const std::vector<std::string> labels = fill_all(labels_, row, where);
    if (!labels.empty() && labels.size() != texts.size()) fail<DataError>(where, "got {} labels for {} choices", labels.size(), texts.size());
    for (const std::vector<std::string>& names : {labels, texts}) {
      const auto found = std::find(names.begin(), names.end(), answer);
      if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
      std::size_t number = 0;
      const auto [end, error] = std::from_chars(answer.data(), answer.data() + answer.size(), number);
      if (labels.empty() && error == std::errc() && end == answer.data() + answer.size() && number < texts.size()) return number;
    }
    fail<DataError>(where, "the answer {} is none of the labels '{}', no number below {} and none of the choices '{}'", quoted(answer), join(labels, "', '"), texts.size(),
                    join(texts, "', '"));
  }

  Scores score(const Subject& subject, const std::string& prompt, const std::vector<std::string>& texts) const {
    const bool mutual = std::find(params_.metrics.begin(), params_.metrics.end(), "acc_mutual_info") != params_.metrics.end();
    std::vector<Continuation> given, alone;
    for (const std::string& text : texts) {
      given.push_back(encode_continuation(*subject.tokenizer, prompt, params_.delimiter + text));
      // Only where asked for: after nothing a text needs BOS or EOS, which not every tokenizer has.
      if (mutual) alone.push_back(encode_continuation(*subject.tokenizer, "", params_.delimiter + text));
    }
    return {nats(subject.predictor, given), nats(subject.predictor, alone)};
  }

  std::vector<double> nats(const Predictor& predictor, const std::vector<Continuation>& items) const {
    std::vector<double> result;
    for (const ContinuationScore& score : score_continuations(predictor, items, params_.max_length, params_.batch_size)) result.push_back(score.nats);
    return result;
  }

  static double worth(const std::string& metric, const Choices& choices, const Scores& scores) {
    const auto right = [&](std::size_t choice) { return choices.right[choice] ? 1.0 : 0.0; };
    const auto one = [](const std::string&) { return 1.0; };
    if (metric == "mc2") return mass_of_right(scores.given, choices.right);
    if (metric == "acc_norm") return right(best(scores.given, choices.texts, characters));
    if (metric == "acc_bytes") return right(best(scores.given, choices.texts, [](const std::string& text) { return static_cast<double>(text.size()); }));
    if (metric != "acc_mutual_info") return right(best(scores.given, choices.texts, one));
    std::vector<double> difference;
    for (std::size_t choice = 0; choice < scores.given.size(); ++choice) difference.push_back(scores.given[choice] - scores.alone[choice]);
    return right(best(difference, choices.texts, one));
  }

  static void record(const std::vector<Scores>& scores, double chance, Recorder& recorder) {
    std::size_t most = 0;
    for (const Scores& item : scores) most = std::max(most, item.given.size());
    std::vector<float> padded(scores.size() * most, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t item = 0; item < scores.size(); ++item)
      std::transform(scores[item].given.begin(), scores[item].given.end(), padded.begin() + static_cast<std::ptrdiff_t>(item * most),
                     [](double value) { return static_cast<float>(value); });
    const std::vector<RecordAxis> axes{{"item", scores.size(), {}, {}}, {"choice", most, {}, {}}};
    recorder.array({"log_likelihood", "nats", "of every choice after its prompt; NaN where an item has fewer choices"}, axes, padded);
    recorder.scalar({"chance", "1", "accuracy of a guess"}, chance);
  }

  MultipleChoiceParams params_;
  std::vector<PromptTemplate> choices_, labels_;
  PromptTemplate answer_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::MultipleChoice, symphony::MultipleChoiceParams, "multiple_choice", /*revision=*/1,
                "accuracy on questions with given choices, from a JSON Lines file and a template, by lm-evaluation-harness's rules", "Gao et al. 2024, lm-evaluation-harness, zenodo 12608602");
