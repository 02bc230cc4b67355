// FileLock on flock(2).
#include <chrono>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/descriptor.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"

namespace symphony {

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(100);  // flock cannot wait and still be told to stop

Descriptor open_lock(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!file) fail_with_errno(path, "cannot be opened as a lock");
  return file;
}

/// Whether the lock was taken. Throws when locking is not possible at all.
bool lock(const Descriptor& file, int operation, const std::filesystem::path& path) {
  while (::flock(file.get(), operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) fail_with_errno(path, "cannot be locked");
  }
  return true;
}

/// Someone may have deleted the file between our open and our lock; the lock would then guard nothing.
bool still_there(const Descriptor& file, const std::filesystem::path& path) {
  struct stat ours {}, theirs {};
  return ::fstat(file.get(), &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

std::string read_holder(const Descriptor& file) {
  char text[256];
  const ssize_t size = ::pread(file.get(), text, sizeof text, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "another process";
}

/// Only for the message of who waits: a failure to write it is no reason to stop.
void write_holder(const Descriptor& file) {
  const std::string text = fmt::format("process {} on {}", ::getpid(), host_name());
  if (::ftruncate(file.get(), 0) == 0 && ::pwrite(file.get(), text.data(), text.size(), 0) < 0) errno = 0;
}

}  // namespace

FileLock FileLock::acquire(const std::filesystem::path& path, const OnWait& on_wait) {
  for (;;) {
    Descriptor file = open_lock(path);
    while (!lock(file, LOCK_EX | LOCK_NB, path)) {
      if (on_wait) on_wait(read_holder(file));
      std::this_thread::sleep_for(kPollInterval);
    }
    if (!still_there(file, path)) continue;
    write_holder(file);
    return FileLock(file.release());
  }
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  for (;;) {
    Descriptor file = open_lock(path);
    if (!lock(file, LOCK_EX | LOCK_NB, path)) return std::nullopt;
    if (!still_there(file, path)) continue;
    write_holder(file);
    return FileLock(file.release());
  }
}

bool FileLock::is_held(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno != ENOENT) fail_with_errno(path, "cannot be opened as a lock");
    return false;
  }
  // Shared, so that two who ask at once do not take each other for the holder.
  return !lock(file, LOCK_SH | LOCK_NB, path);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);  // ours is released with `other`
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace symphony
