// Files that build on others: `include: [a.yaml, b.yaml]`, or one name, at the top level, relative to the including file. Included files are
// merged in the order listed, the including file over them all, with the rules of merge().
#pragma once

#include <filesystem>
#include <vector>

#include "core/config/node.hpp"

namespace symphony {

inline constexpr std::size_t kMaxIncludedFiles = 200;  ///< a file that is included twice counts twice

struct LoadedDocument {
  Node root;                                  ///< a map, without the key `include`
  std::vector<std::filesystem::path> files;   ///< every file read, the including before the included
};

/// Throws ConfigError with the place of the `include` for a file that cannot be read, holds no map, or includes itself, printing the chain.
LoadedDocument load_document(const std::filesystem::path& path);

}  // namespace symphony
