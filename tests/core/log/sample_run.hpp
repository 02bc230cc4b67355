// A small run with everything the format has, for tests here and in tests/analysis.
#pragma once

#include <filesystem>
#include <string>

#include "core/log/run_file.hpp"

/// RunInfo with every field set.
symphony::RunInfo sample_info(const std::string& run_id, const std::string& variant);

/// Writes <folder>/<run_id>/run.h5 and status.json, and the stage records it absorbed beside them.
void write_sample_run(const std::filesystem::path& folder, const std::string& run_id, const std::string& variant);
