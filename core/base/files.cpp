// Durable writing on Linux: a new name is safe only after the file and then its folder were synchronised.
#include "core/base/files.hpp"

#include <atomic>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/descriptor.hpp"
#include "core/base/failpoint.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kFileMode = 0666;  // less the user's umask

void synchronise(const fs::path& path, int flags) {
  const Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file) fail_with_errno(path, "cannot be opened to be synchronised");
  failpoint("fsync", path.string());
  // A pipe, socket or odd file system answers EINVAL: there is nothing to be made durable.
  if (::fsync(file.get()) != 0 && errno != EINVAL) fail_with_errno(path, "cannot be synchronised");
}

void synchronise_folder(const fs::path& folder) { synchronise(folder.empty() ? fs::path(".") : folder, O_RDONLY | O_DIRECTORY); }

/// Writes of at least so many bytes are handed to the disk at once, so that it works while the rest is computed and a commit has little left to wait for.
constexpr std::size_t kHandedOnBytes = std::size_t{1} << 20;

void write_all(int descriptor, std::uint64_t offset, std::string_view bytes, const fs::path& path) {
  const std::uint64_t start = offset, count = bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  // Only a hint: where it is not known nothing is lost.
  if (count >= kHandedOnBytes) ::sync_file_range(descriptor, static_cast<off_t>(start), static_cast<off_t>(count), SYNC_FILE_RANGE_WRITE);
}

/// rename(2), with the moments before and after it open to tests.
int rename_path(const fs::path& from, const fs::path& to) {
  failpoint("rename", to.string());
  const int result = ::rename(from.c_str(), to.c_str());
  const int reason = errno;
  failpoint("renamed", to.string());
  errno = reason;
  return result;
}

/// "<pid>-<n>": unique within this machine's file systems among living processes; callers create exclusively and ask again on a collision.
std::string unique_suffix() {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}-{}", ::getpid(), counter++);
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void synchronise_tree(const fs::path& root) {
  std::error_code error;
  fs::recursive_directory_iterator iterator(root, error), end;
  for (; !error && iterator != end; iterator.increment(error)) {
    if (iterator->is_symlink()) continue;
    if (iterator->is_directory()) synchronise_folder(iterator->path());
    else if (iterator->is_regular_file()) synchronise(iterator->path(), O_RDONLY);
  }
  if (error) fail<DataError>(root.string(), "cannot be listed: {}", error.message());
  synchronise_folder(root);
}

/// Puts `from` in the place of the existing `to` and removes what was there.
void replace_directory(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return remove_tree(from);
  // Network and overlay file systems cannot exchange two names.
  const fs::path aside = to.string() + ".old." + unique_suffix();
  if (::rename(to.c_str(), aside.c_str()) != 0) fail_with_errno(to, "cannot be moved aside");
  if (::rename(from.c_str(), to.c_str()) != 0) fail_with_errno(to, "cannot be committed");
  remove_tree(aside);
}

}  // namespace

std::string read_text(const fs::path& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail_with_errno(path, "cannot be opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_with_errno(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) fail<DataError>(path.string(), "is not a regular file");
  const auto too_large = [&](std::uint64_t size) {
    fail<DataError>(path.string(), "is too large, got {}, expected at most {}", human_bytes(size), human_bytes(max_bytes));
  };
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_bytes) too_large(size);
  std::string text;
  std::size_t filled = 0;
  for (;;) {
    // One byte more than expected, so that a file that ends there needs no second round; /proc files claim to be empty.
    text.resize(std::max<std::size_t>(size + 1, filled + 4096));
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_errno(path, "cannot be read");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > max_bytes) too_large(filled);
  }
  text.resize(filled);
  return text;
}

PendingFile::PendingFile(fs::path path) : path_(std::move(path)) {
  while (descriptor_ < 0) {
    temporary_ = folder_of(path_) / fmt::format(".{}.tmp-{}", path_.filename().string(), unique_suffix());
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
    if (descriptor_ < 0 && errno != EEXIST) fail_with_errno(path_, "cannot be created");
  }
}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

PendingFile& PendingFile::operator=(PendingFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(descriptor_, other.descriptor_);  // ours is removed with `other`
  return *this;
}

PendingFile::~PendingFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void PendingFile::write(std::uint64_t offset, std::string_view bytes) { write_all(descriptor_, offset, bytes, path_); }

void PendingFile::commit() {
  failpoint("fsync", path_.string());
  if (::fsync(descriptor_) != 0) fail_with_errno(path_, "cannot be synchronised");
  commit_without_sync();
  synchronise_folder(folder_of(path_));
}

void PendingFile::commit_without_sync() {
  if (rename_path(temporary_, path_) != 0) fail_with_errno(path_, "cannot be put in place");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_with_errno(path_, "cannot be closed");
}

void atomic_write(const fs::path& path, std::string_view bytes) {
  PendingFile file(path);
  file.write(0, bytes);
  file.commit();
}

void replace_file(const fs::path& path, std::string_view bytes) {
  PendingFile file(path);
  file.write(0, bytes);
  file.commit_without_sync();
}

fs::path make_temporary_directory(const fs::path& parent, std::string_view prefix) {
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) fail<DataError>(parent.string(), "cannot be created: {}", error.message());
  for (;;) {
    const fs::path folder = parent / fmt::format("{}.{}", prefix, unique_suffix());
    if (fs::create_directory(folder, error)) return folder;
    if (error) fail<DataError>(folder.string(), "cannot be created: {}", error.message());
  }
}

void commit_directory(const fs::path& from, const fs::path& to) {
  synchronise_tree(from);
  if (rename_path(from, to) != 0) {
    if (errno != ENOTEMPTY && errno != EEXIST) fail_with_errno(to, "cannot be committed");
    replace_directory(from, to);
  }
  synchronise_folder(folder_of(to));
}

void sync_file(const fs::path& path) { synchronise(path, O_RDONLY); }

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail<DataError>(path.string(), "cannot be removed: {}", error.message());
}

std::uint64_t free_disk_bytes(const fs::path& path) {
  std::error_code error;
  fs::path existing = fs::absolute(path);
  while (!fs::exists(existing, error) && existing.has_relative_path()) existing = existing.parent_path();
  const fs::space_info space = fs::space(existing, error);
  if (error) fail<DataError>(path.string(), "free space cannot be determined: {}", error.message());
  return space.available;
}

}  // namespace symphony
