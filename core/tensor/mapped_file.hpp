// A regular file, mapped read-only. Pages are read when touched and given back under memory pressure, so a mapped checkpoint costs the
// memory of the tensors in use. Writing through the mapping faults; a file that another process truncates while it is mapped does too.
#pragma once

#include <filesystem>
#include <string_view>

namespace symphony {

class MappedFile {
 public:
  /// Throws DataError when the file cannot be opened, is not regular, or cannot be mapped.
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace symphony
