// mmap(2) of a whole file.
#include "core/tensor/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/descriptor.hpp"

namespace symphony {

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail_with_errno(path_, "cannot be opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_with_errno(path_, "cannot be examined");
  if (!S_ISREG(status.st_mode)) fail<DataError>(path_.string(), "is not a regular file");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // an empty range cannot be mapped
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail_with_errno(path_, "cannot be mapped");
  data_ = static_cast<const char*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

}  // namespace symphony
