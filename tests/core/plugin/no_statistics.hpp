// For alignments that ask for no statistics.
#pragma once

#include "core/base/error.hpp"
#include "core/plugin/alignment.hpp"

namespace symphony::testing {

class NoStatistics final : public AlignmentStatistics {
 public:
  const PairMoments& moments(std::size_t, Site, std::int64_t) const override { throw Error("no statistics here"); }
  std::int64_t num_tokens() const override { return 0; }
};

}  // namespace symphony::testing
