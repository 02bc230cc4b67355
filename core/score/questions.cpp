// Rows, groups, and the draw of worked examples.
#include "core/score/questions.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "core/score/prompt_template.hpp"

namespace symphony {

namespace {

/// A row that examples or questions are made of.
struct Source {
  const Value* row;
  std::string where, group;
};

std::vector<Source> sources_of(const std::vector<Value>& rows, const QuestionSettings& settings, std::string_view where, const char* kind) {
  const PromptTemplate group(settings.group, where);
  std::vector<Source> sources;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::string place = fmt::format("{}: task '{}', {} {}", where, settings.task, kind, row + 1);
    std::string name = group.fill(rows[row], place);
    sources.push_back({&rows[row], std::move(place), std::move(name)});
  }
  return sources;
}

/// Indices into `pool`. `self` is the question's own index in it, or pool.size() when it lies elsewhere.
std::vector<std::size_t> choose_examples(const QuestionSettings& settings, const std::vector<Source>& pool, const Source& question, std::size_t self,
                                         std::size_t question_idx) {
  std::vector<std::size_t> candidates;
  for (std::size_t index = 0; index < pool.size(); ++index)
    if (index != self && pool[index].group == question.group) candidates.push_back(index);
  const auto shots = static_cast<std::size_t>(settings.shots);
  if (candidates.size() < shots)
    fail<DataError>(question.where, "got {} rows for worked examples, expected at least the {} shots", candidates.size(), shots);
  if (settings.order == "random") {
    Random random(static_cast<std::uint64_t>(settings.seed), fmt::format("examples {} {}", settings.task, question_idx));
    std::vector<std::size_t> shuffled;
    for (const std::int64_t index : random.permutation(static_cast<std::int64_t>(candidates.size()))) shuffled.push_back(candidates[static_cast<std::size_t>(index)]);
    candidates = std::move(shuffled);
  }
  candidates.resize(shots);
  return candidates;
}

}  // namespace

void QuestionSettings::describe(Schema& s) {
  using S = QuestionSettings;
  s.field<&S::examples>("examples", "JSON Lines file that worked examples are taken from; empty: the questions' own file, never the question itself");
  s.field<&S::description>("description", "text before everything, ending as it should");
  s.field<&S::prompt>("prompt", "template of a question; {field} stands for a field of the row, {field.key}, {field.0} and {field|filter} too");
  s.field<&S::delimiter>("delimiter", "between a prompt and its answer");
  s.field<&S::separator>("separator", "after each worked example");
  s.field<&S::group>("group", "template that names a row's group: groups get rows of their own and examples from among themselves");
  s.field<&S::shots>("shots", "worked examples before each question").at_least(0);
  s.field<&S::order>("order", "which examples: drawn for every question, or the first ones").one_of({"random", "first"});
  s.field<&S::seed>("seed", "of the draw of examples");
  s.field<&S::items>("items", "questions asked, from the first; 0: all").at_least(0);
}

std::vector<Value> read_json_lines(std::string_view text, std::string_view where) {
  std::vector<Value> rows;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}, line {}", where, number);
    rows.push_back(parse_json(line, place));
    if (!rows.back().is_map()) fail<DataError>(place, "got {}, expected one JSON object a line", rows.back().describe());
  }
  return rows;
}

std::vector<AskedQuestion> make_questions(const QuestionSettings& settings, const std::vector<Value>& rows, const std::vector<Value>* examples,
                                          const std::function<std::string(const Value& row, std::string_view where)>& answer, std::string_view where) {
  if (rows.empty()) fail<DataError>(where, "task '{}' has no questions", settings.task);
  const PromptTemplate prompt(settings.prompt, where);
  const std::vector<Source> asked = sources_of(rows, settings, where, "row"), worked = examples ? sources_of(*examples, settings, where, "example") : asked;
  const std::size_t count = settings.items == 0 ? asked.size() : std::min(asked.size(), static_cast<std::size_t>(settings.items));
  std::vector<AskedQuestion> questions;
  for (std::size_t index = 0; index < count; ++index) {
    const Source& question = asked[index];
    std::string text = settings.description;
    for (const std::size_t chosen : choose_examples(settings, worked, question, examples ? worked.size() : index, index)) {
      const Source& example = worked[chosen];
      text += prompt.fill(*example.row, example.where) + settings.delimiter + answer(*example.row, example.where) + settings.separator;
    }
    text += prompt.fill(*question.row, question.where);
    questions.push_back({*question.row, question.where, question.group, std::move(text)});
  }
  return questions;
}

}  // namespace symphony
