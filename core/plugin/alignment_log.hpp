// What every alignment method records about its matches, in one layout: arrays alignment/<scope>/<metric> over sources and, but for the
// residual stream, layers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/align/unit_matching.hpp"
#include "core/base/record.hpp"
#include "core/plugin/alignment.hpp"

namespace symphony {

/// "source", labelled with their names.
RecordAxis source_axis(const std::vector<Model>& sources);

class AlignmentLog {
 public:
  explicit AlignmentLog(const AlignmentProblem& problem);
  /// `layer` is 0 for the residual stream.
  void add(const std::string& scope, std::size_t source_idx, std::int64_t layer, const UnitMatch& match);
  /// One number beside those of a match; `unit` and `doc` as in RecordInfo.
  void add_value(const std::string& scope, std::size_t source_idx, std::int64_t layer, const char* metric, const char* unit, const char* doc, double value);
  /// The anchor's own rows hold what a model matched with itself has: nothing moved, nothing left to gain; what was not measured is NaN.
  void write(Recorder& recorder) const;

 private:
  RecordAxis sources_;
  std::int64_t num_layers_;
  using Place = std::pair<std::size_t, std::int64_t>;  // source, layer
  struct Values {
    const char* unit;
    const char* doc;
    std::map<Place, double> at;
  };
  std::vector<RecordAxis> axes_of(const std::string& scope) const;

  std::map<std::string, std::map<Place, UnitMatch>> matches_;         // by scope
  std::map<std::string, std::map<std::string, Values>> values_;       // by scope and metric
};

}  // namespace symphony
