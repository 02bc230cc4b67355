// Where a link leads, after all links on the way.
#include "core/base/links.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

void refuse_link_out(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  if (!fs::is_symlink(file)) return;
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (error) fail<DataError>(file.string(), "is a link to {}, which does not exist", quoted(fs::read_symlink(file).string()));
  const fs::path folder = fs::canonical(file.has_parent_path() ? file.parent_path() : fs::path("."));
  const fs::path snapshots = folder.parent_path();
  const bool in_cache = snapshots.filename() == "snapshots" && target.parent_path() == snapshots.parent_path() / "blobs";
  if (target.parent_path() != folder && !in_cache)
    fail<DataError>(file.string(), "is a link to {}, outside its folder; expected the file itself (copy it there, or name the folder that holds it)",
                    quoted(target.string()));
}

}  // namespace symphony
