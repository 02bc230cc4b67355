// Writing safetensors: header first, then each tensor with pwrite(2) at its place, in whatever order they come.
#include <atomic>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/error.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0666;  // less the user's umask

void write_at(const Descriptor& file, std::uint64_t offset, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

SafetensorsSink::SafetensorsSink(fs::path path, SafetensorsMetadata metadata) : path_(std::move(path)) { header_.metadata = std::move(metadata); }

SafetensorsSink::~SafetensorsSink() {
  if (file_) ::unlink(temporary_.c_str());
}

void SafetensorsSink::announce(std::vector<TensorInfo> infos) {
  SYMPHONY_ASSERT(!announced_);
  announced_.emplace(path_.string(), std::move(infos));
  header_ = plan_safetensors(announced_->infos(), std::move(header_.metadata), path_.string());
  const std::string head = encode_safetensors_header(header_, path_.string());
  static std::atomic<unsigned> counter{0};
  temporary_ = folder_of(path_) / fmt::format(".{}.tmp-{}-{}", path_.filename().string(), ::getpid(), counter++);
  file_.reset(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file_) fail_with_errno(path_, "cannot be created");
  write_at(file_, 0, head, path_);
}

void SafetensorsSink::put(std::string_view name, const torch::Tensor& tensor) {
  SYMPHONY_ASSERT(announced_);
  const SafetensorsEntry& entry = header_.entries[announced_->accept(name, tensor)];
  const torch::Tensor local = tensor.detach().to(torch::kCPU).contiguous();
  write_at(file_, header_.data_start + entry.begin, {static_cast<const char*>(local.data_ptr()), local.nbytes()}, path_);
}

void SafetensorsSink::finish() {
  SYMPHONY_ASSERT(announced_);
  announced_->check_complete();
  if (::fsync(file_.get()) != 0) fail_with_errno(path_, "cannot be synchronised");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno(path_, "cannot be put in place");
  file_.reset();
  const Descriptor folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) fail_with_errno(folder_of(path_), "cannot be synchronised");
}

}  // namespace symphony
