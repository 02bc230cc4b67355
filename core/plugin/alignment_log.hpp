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

class AlignmentLog {
 public:
  explicit AlignmentLog(const AlignmentProblem& problem);
  /// `layer` is 0 for the residual stream.
  void add(const std::string& scope, std::size_t source_idx, std::int64_t layer, const UnitMatch& match);
  /// The anchor's own rows hold what a model matched with itself has: nothing moved, nothing left to gain; its similarities are NaN.
  void write(Recorder& recorder) const;

 private:
  std::vector<std::string> source_names_;
  std::int64_t num_layers_;
  std::map<std::string, std::map<std::pair<std::size_t, std::int64_t>, UnitMatch>> matches_;  // by scope
};

}  // namespace symphony
