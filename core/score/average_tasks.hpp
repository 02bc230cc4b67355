// Names of the tasks under which suites report averages of their other rows: they mean the same in every suite, and tables and comparisons know a suite
// by them.
#pragma once

#include <string_view>

namespace symphony {

inline constexpr const char* kInDomain = "in_domain";                       ///< over the domains that sources were trained on
inline constexpr const char* kOutOfDistribution = "out_of_distribution";    ///< over the other domains
inline constexpr const char* kMeanOverLayers = "mean over layers";
inline constexpr const char* kMeanOverPairs = "mean over pairs";            ///< of the anchor and each other source

inline bool is_average(std::string_view task) {
  return task == kInDomain || task == kOutOfDistribution || task == kMeanOverLayers || task == kMeanOverPairs;
}

}  // namespace symphony
