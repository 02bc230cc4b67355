// Prompts out of rows of data: "Question: {question}\nAnswer:" filled with the fields of one row of a JSON Lines file.
//
//   {question}             a field            {choices.text}   a field of a map           {choices.0}   an element of a list
//   {ctx_b|capitalize}     through a filter; several are applied from left to right       {{ and }}     braces themselves
//
// Filters: strip (white space at both ends), lower, upper, capitalize (first letter upper, the rest lower; ASCII as the two before), and
// unmark, which takes out WikiHow's marks as the HellaSwag task of lm-evaluation-harness 0.4.9 does: " [title]" becomes ". ", other
// bracketed text goes, double spaces become single ones. Immutable; deterministic.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"

namespace symphony {

class PromptTemplate {
 public:
  /// Throws ConfigError led by `where` for an open brace, an empty field or an unknown filter.
  PromptTemplate(std::string_view text, std::string_view where);

  /// The text for one row. Numbers are written as JSON writes them. Throws DataError led by `where` for a field that the row does not have
  /// (with the nearest name) or that is no text, number or flag.
  std::string fill(const Value& row, std::string_view where) const;
  /// As fill, but a template that is one field alone whose value is a list gives one text an element.
  std::vector<std::string> fill_list(const Value& row, std::string_view where) const;

 private:
  /// Plain text when `path` is empty.
  struct Part {
    std::string text;
    std::vector<std::string> path, filters;
  };
  Part parse_field(std::string_view field, std::string_view where) const;

  std::vector<Part> parts_;
};

}  // namespace symphony
