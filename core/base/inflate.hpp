// Reading of files that may be compressed by gzip or dictzip.
#pragma once

#include <filesystem>
#include <string>

namespace symphony {

/// The file's bytes; .gz and .dz files decompressed (a plain file with such a name is read as it is). Reads at most `max_bytes` of the
/// result. Throws DataError when the file cannot be read or its compressed data is damaged.
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace symphony
