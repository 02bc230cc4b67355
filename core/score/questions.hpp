// Questions out of rows of data: what suites that ask them (multiple choice, generation) have in common. A prompt is
//
//   description, then for every worked example: prompt(example) delimiter answer(example) separator, then prompt(question)
//
// as lm-evaluation-harness 0.4.9 builds it (Gao et al. 2024, zenodo 12608602). Rows are a pure function of the data, examples of the data
// and the seed, so that every model is asked the same. Differs from the harness: examples are drawn by our own generator, for every question
// from a stream of its own, so that neither a limit on the items nor their order changes them; a question is never among its own examples.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/schema.hpp"
#include "core/base/value.hpp"

namespace symphony {

/// What both kinds of suites are told about their questions.
struct QuestionSettings {
  std::string task;                 ///< what rows call it
  std::string data;                 ///< path of a JSON Lines file
  std::string examples;             ///< path of another; empty: worked examples come from `data`
  std::string description;
  std::string prompt = "Question: {question}\nAnswer:";
  std::string delimiter = " ";
  std::string separator = "\n\n";
  std::string group;                ///< template; empty: one group
  std::int64_t shots = 0;
  std::string order = "random";     ///< or "first"
  std::int64_t seed = 1234;
  std::int64_t items = 0;           ///< 0: all
  /// Declares everything but `task` and `data`.
  static void describe(Schema& s);
};

/// A question ready to be asked. (What an experiment's report asks is a Question: core/pipeline/experiment.hpp.)
struct AskedQuestion {
  Value row;
  std::string where;   ///< for messages: "eval.x: task 'arc', row 3"
  std::string group;   ///< "" when there are no groups
  std::string prompt;
};

/// One JSON object a line; empty lines are skipped. Throws DataError naming the line.
std::vector<Value> read_json_lines(std::string_view text, std::string_view where);

/// The first `settings.items` rows as questions. `examples`: where worked ones come from, or null for `rows` themselves; with groups they are
/// of the question's own group. `answer` gives the worked answer of a row. Throws DataError for no rows, and for fewer examples than shots.
std::vector<AskedQuestion> make_questions(const QuestionSettings& settings, const std::vector<Value>& rows, const std::vector<Value>* examples,
                                          const std::function<std::string(const Value& row, std::string_view where)>& answer, std::string_view where);

}  // namespace symphony
