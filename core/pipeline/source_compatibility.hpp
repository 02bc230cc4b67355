// Whether the sources can be merged, found out from their configurations before a tensor is read: every field in which one of them, or the base,
// is unlike the anchor. Fatal differences (another function from the same numbers, other shapes) stop the run, all of them listed; benign ones
// (positions, special tokens, the name of the family, what is its own of a united vocabulary) are recorded with the alignment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

struct SourceDifference {
  std::string source;
  SpecDifference what;  ///< left: the anchor's value, right: the source's
};

/// Of every source and the base against the anchor, in their order, as they are merged: through one vocabulary. Special tokens are compared between
/// checkpoint directories.
std::vector<SourceDifference> source_differences(const Experiment& experiment, const std::vector<ModelHandle>& sources,
                                                 const std::optional<ModelHandle>& base);

/// "beta: rope_theta is 10000, the anchor's is 1000000", one a difference of the kind that is asked for.
std::vector<std::string> difference_lines(const std::vector<SourceDifference>& differences, bool fatal);

/// Throws DataError with every fatal difference.
void check_compatible(const std::vector<SourceDifference>& differences, const std::string& anchor);

}  // namespace symphony
