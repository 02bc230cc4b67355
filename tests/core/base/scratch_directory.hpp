// A folder of a test's own, removed at its end.
#pragma once

#include <filesystem>

#include "core/base/files.hpp"

namespace symphony {

class ScratchDirectory {
 public:
  ScratchDirectory() : path_(make_temporary_directory(std::filesystem::temp_directory_path(), "symphony_test")) {}
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace symphony
