// Questions whose answer the model writes: a prompt, a continuation drawn or greedy up to a stop, an answer taken out of it by a regular
// expression, and exact match with the right one. Questions come from a JSON Lines file, or from the held-out text of a domain, where an
// expression with two groups finds question and answer (fields {question} and {answer}). The GSM8K way: worked examples in the prompt, filters
// that take the number after "####" or the last number, both sides cleaned by `ignore` before they are compared.
// Source: Gao et al. 2024, lm-evaluation-harness 0.4.13 (zenodo 12608602), task type generate_until, filters regex and take_first, metric
// exact_match; Cobbe et al. 2021, GSM8K, arXiv 2110.14168. Expressions are ECMAScript's, not Python's: no (?s), no look-behind.
#include <algorithm>
#include <map>
#include <regex>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/item_rows.hpp"
#include "core/score/generation.hpp"
#include "core/score/prompt_template.hpp"
#include "core/score/questions.hpp"

namespace symphony {
namespace {

constexpr const char* kWhere = "eval.generate";
constexpr const char* kNoFilter = "none";
constexpr const char* kNoAnswer = "[invalid]";

struct AnswerFilter {
  std::string pattern, take = "first";
  static void describe(Schema& s) {
    s.field<&AnswerFilter::pattern>("pattern", "regular expression; the answer is its first group that matched, or the whole match").must_be_given();
    s.field<&AnswerFilter::take>("take", "which match of the text").one_of({"first", "last"});
  }
};

struct GenerateParams : QuestionSettings {
  std::string domain, match = R"((\S+=)(\S+))", answer = "{answer}";
  std::vector<std::string> until{"\n"}, ignore;
  Named<AnswerFilter> filters;
  bool ignore_case = false;
  std::int64_t max_tokens = 64, sampling_seed = 0;
  double temperature = 0.0, top_p = 1.0;
  static void describe(Schema& s) {
    using P = GenerateParams;
    s.field<&P::task>("task", "what tables call it").must_be_given();
    s.field<&P::data>("data", "JSON Lines file of questions; either this or `domain`");
    s.field<&P::domain>("domain", "domain whose held-out text holds the questions");
    s.field<&P::match>("match", "expression that finds them there: its groups are {question} and {answer}");
    QuestionSettings::describe(s);
    s.field<&P::answer>("answer", "template of the right answer, as worked examples show it");
    s.field<&P::until>("until", "texts that end the answer; they are no part of it");
    s.field<&P::max_tokens>("max_tokens", "tokens written at most").at_least(1).in("tokens");
    s.field<&P::temperature>("temperature", "of sampling; 0: always the likeliest token").at_least(0);
    s.field<&P::top_p>("top_p", "sampling is among the likeliest tokens of this probability together").range(0.001, 1);
    s.field<&P::sampling_seed>("sampling_seed", "of the draws, beside the item's number");
    s.field<&P::filters>("filters", "ways to take the answer out of the text, by name; none: the text without white space around it");
    s.field<&P::ignore>("ignore", "expressions removed from both answers before they are compared, in order");
    s.field<&P::ignore_case>("ignore_case", "compare in lower case (ASCII)");
  }
};

std::regex expression(const std::string& pattern) {
  try {
    return std::regex(pattern);
  } catch (const std::regex_error& error) {
    fail<ConfigError>(kWhere, "the expression {} cannot be read: {}", quoted(pattern), error.what());
  }
}

std::string stripped(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n\v\f");
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r\n\v\f") - first + 1);
}

class Generate final : public Eval {
 public:
  explicit Generate(const GenerateParams& params) : params_(params), answer_(params.answer, kWhere), match_(expression(params.match)) {
    if (params.data.empty() == params.domain.empty()) fail<ConfigError>(kWhere, "task '{}': expected either 'data' or 'domain'", params.task);
    if (match_.mark_count() < 2) fail<ConfigError>(kWhere, "'match' has {} groups, expected two: question and answer", match_.mark_count());
    for (const auto& [name, filter] : params.filters) filters_.push_back({name, expression(filter.pattern), filter.take == "last"});
    for (const std::string& pattern : params.ignore) ignored_.push_back(expression(pattern));
  }
  int version() const override { return 2; }
  std::string label() const override { return params_.task; }
  std::vector<std::string> inputs() const override {
    std::vector<std::string> paths;
    for (const std::string& path : {params_.data, params_.examples})
      if (!path.empty()) paths.push_back(path);
    return paths;
  }

  std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const override {
    const std::vector<AskedQuestion> questions = ask(subject, domains);
    std::vector<ItemScores> metrics;
    // The first way is the metric itself, so that tables of one metric stay unambiguous.
    for (const std::string& name : filter_names()) metrics.push_back({metrics.empty() ? "exact_match" : "exact_match_" + name, {}, name});
    std::vector<std::string> groups;
    std::map<std::string, std::size_t> golds;
    std::string shown;
    for (std::size_t item = 0; item < questions.size(); ++item) {
      const AskedQuestion& question = questions[item];
      const std::string gold = cleaned(answer_.fill(question.row, question.where)), text = write(subject, question.prompt, item);
      for (ItemScores& metric : metrics) metric.values.push_back(cleaned(extracted(text, metric.filter)) == gold ? 1.0 : 0.0);
      groups.push_back(question.group);
      ++golds[gold];
      if (item < 5) shown += fmt::format("{}[{}] (right: {})\n", question.prompt, text, gold);
      context.progress(static_cast<double>(item + 1) / static_cast<double>(questions.size()));
    }
    std::size_t commonest = 0;
    for (const auto& [gold, count] : golds) commonest = std::max(commonest, count);
    context.recorder->scalar({"commonest", "1", "exact match of always giving the commonest right answer"}, static_cast<double>(commonest) / static_cast<double>(questions.size()));
    context.recorder->note("samples", shown.substr(0, valid_utf8_prefix(shown)));
    std::vector<EvalRow> rows;
    for (const ItemScores& metric : metrics) {
      record_items(metric, *context.recorder);
      for (EvalRow& row : item_rows(params_.task, groups, metric, params_.shots)) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  struct Filter {
    std::string name;
    std::regex pattern;
    bool last = false;
  };

  std::vector<std::string> filter_names() const {
    if (filters_.empty()) return {kNoFilter};
    std::vector<std::string> names;
    for (const Filter& filter : filters_) names.push_back(filter.name);
    return names;
  }

  std::vector<AskedQuestion> ask(const Subject& subject, const std::vector<EvalDomain>& domains) const {
    const auto rows = params_.data.empty() ? rows_of_domain(subject, domains) : read_json_lines(subject.files.at(params_.data), params_.data);
    std::vector<Value> examples;
    if (!params_.examples.empty()) examples = read_json_lines(subject.files.at(params_.examples), params_.examples);
    const auto worked = [this](const Value& row, std::string_view where) { return answer_.fill(row, where); };
    return make_questions(params_, rows, params_.examples.empty() ? nullptr : &examples, worked, kWhere);
  }

  std::vector<Value> rows_of_domain(const Subject& subject, const std::vector<EvalDomain>& domains) const {
    const auto domain = std::find_if(domains.begin(), domains.end(), [this](const EvalDomain& one) { return one.name == params_.domain; });
    if (domain == domains.end()) {
      std::vector<std::string> names;
      for (const EvalDomain& one : domains) names.push_back(one.name);
      fail<DataError>(kWhere, "no domain {}; {}", quoted(params_.domain), name_hint(params_.domain, names));
    }
    const torch::Tensor ids_S = domain->stream.to(torch::kCPU, torch::kInt64).contiguous();
    const std::string text = subject.tokenizer->decode({ids_S.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids_S.numel())});
    std::vector<Value> rows;
    for (auto found = std::sregex_iterator(text.begin(), text.end(), match_); found != std::sregex_iterator(); ++found)
      rows.emplace_back(ValueMap{{"question", (*found)[1].str()}, {"answer", (*found)[2].str()}});
    if (rows.empty()) fail<DataError>(kWhere, "task '{}': {} matches nothing in the held-out text of domain '{}'", params_.task, quoted(params_.match), params_.domain);
    return rows;
  }

  /// What the model writes after the prompt, up to the first stop.
  std::string write(const Subject& subject, const std::string& prompt, std::size_t item) const {
    const Tokenizer& tokenizer = *subject.tokenizer;
    const std::vector<std::int64_t> tokens = tokenizer.encode(prompt);
    SamplingSettings settings;
    settings.max_tokens = params_.max_tokens, settings.temperature = params_.temperature, settings.top_p = params_.top_p;
    settings.stop_token = tokenizer.special().eos;
    settings.seed = Random(static_cast<std::uint64_t>(params_.sampling_seed), fmt::format("generate {} {}", params_.task, item)).next_u64();
    const auto is_end = [&](std::int64_t token) { return std::find(subject.end_tokens.begin(), subject.end_tokens.end(), token) != subject.end_tokens.end(); };
    settings.stop = [&](std::span<const std::int64_t> written) { return is_end(written.back()) || stop_in(tokenizer.decode(written)) != std::string::npos; };
    std::vector<std::int64_t> written = generate(subject.predictor, tokens, settings);
    if (!written.empty() && is_end(written.back())) written.pop_back();  // one that its tokenizer does not call special would be text
    const std::string text = tokenizer.decode(written);
    return text.substr(0, stop_in(text));
  }

  std::size_t stop_in(const std::string& text) const {
    std::size_t first = std::string::npos;
    for (const std::string& stop : params_.until) first = std::min(first, text.find(stop));
    return first;
  }

  std::string extracted(const std::string& text, const std::string& name) const {
    const auto filter = std::find_if(filters_.begin(), filters_.end(), [&](const Filter& one) { return one.name == name; });
    if (filter == filters_.end()) return text;
    std::string answer = kNoAnswer;
    for (auto found = std::sregex_iterator(text.begin(), text.end(), filter->pattern); found != std::sregex_iterator(); ++found) {
      const auto group = std::find_if(found->begin() + 1, found->end(), [](const auto& part) { return part.matched && part.length() > 0; });
      answer = group == found->end() ? found->str() : group->str();
      if (!filter->last) break;
    }
    return answer;
  }

  std::string cleaned(std::string text) const {
    for (const std::regex& pattern : ignored_) text = std::regex_replace(text, pattern, "");
    if (params_.ignore_case) std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return stripped(text);
  }

  GenerateParams params_;
  PromptTemplate answer_;
  std::regex match_;
  std::vector<Filter> filters_;
  std::vector<std::regex> ignored_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Eval, symphony::Generate, symphony::GenerateParams, "generate", /*revision=*/2,
                "exact match of answers that the model writes, taken out by regular expressions, with worked examples", "Gao et al. 2024, lm-evaluation-harness, zenodo 12608602");
