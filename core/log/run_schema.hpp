// Refuses files that are no run of the version this build reads.
#pragma once

#include <filesystem>

#include "core/log/h5_handle.hpp"

namespace symphony {

/// Throws DataError naming both schemas or versions.
void check_run_schema(hid_t file, const std::filesystem::path& path);

}  // namespace symphony
