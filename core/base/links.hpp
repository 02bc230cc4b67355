// Symbolic links in folders that came from elsewhere.
#pragma once

#include <filesystem>

namespace symphony {

/// Throws DataError when `file` is a symbolic link to something outside its own folder: whoever made the folder would choose what is read.
/// The one exception is a snapshot of the Hugging Face cache, <model>/snapshots/<revision>/, whose files are links into <model>/blobs/.
void refuse_link_out(const std::filesystem::path& file);

}  // namespace symphony
