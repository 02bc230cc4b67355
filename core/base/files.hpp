// Files that survive a crash: whole or not at all. Everything that is written once goes through PendingFile or commit_directory, which make
// the data durable before the name appears; locks are flock(2), freed by the kernel when their holder dies. All throw DataError with the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace symphony {

inline constexpr std::uint64_t kDefaultTextLimit = std::uint64_t{64} << 20;

/// The bytes of a regular file of at most `max_bytes`.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes = kDefaultTextLimit);

/// Replaces `path` by a file with these bytes: a reader sees the old content or the new, also after a power cut. The folder must exist.
void atomic_write(const std::filesystem::path& path, std::string_view bytes);

/// As atomic_write, but a power cut may bring back the old content or none: for small status files that are replaced every second.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// A file in the making beside its name, ".<name>.tmp-<pid>-<n>". commit() makes it durable and gives it the name; without that the destructor
/// removes it, and a killed process leaves it behind under a name that nobody reads.
class PendingFile {
 public:
  explicit PendingFile(std::filesystem::path path);
  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&& other) noexcept;
  ~PendingFile();

  int descriptor() const { return descriptor_; }
  const std::filesystem::path& temporary() const { return temporary_; }
  void write(std::uint64_t offset, std::string_view bytes);
  void commit();
  /// Gives the name without waiting for the disk.
  void commit_without_sync();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// A new empty folder "<prefix>.<pid>-<n>" below `parent`, which is created when missing.
std::filesystem::path make_temporary_directory(const std::filesystem::path& parent, std::string_view prefix);

/// Makes everything below `from` durable, then renames it to `to`, on the same file system. A folder that was at `to` is replaced:
/// in one step where the file system can exchange names, otherwise with a moment in which `to` is absent.
void commit_directory(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes a file durable that another library wrote.
void sync_file(const std::filesystem::path& path);

/// Removes a file or folder with all it contains; nothing happens when it does not exist.
void remove_tree(const std::filesystem::path& path);

/// Bytes that an ordinary user can still write to the file system of `path` or, when it does not exist, of its nearest existing parent.
std::uint64_t free_disk_bytes(const std::filesystem::path& path);

/// An exclusive lock between processes (and between two FileLocks of one process), held for the object's lifetime. The lock file stays behind:
/// removing it would let two holders lock two files of the same name.
class FileLock {
 public:
  /// Called while waiting, a few times a second, with what the holder wrote of itself: "process 4711 on host". It ends the wait by throwing.
  using OnWait = std::function<void(const std::string& holder)>;

  /// Waits until the lock is free.
  static FileLock acquire(const std::filesystem::path& path, const OnWait& on_wait = {});
  /// Nothing when another holds it.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);
  /// Whether someone holds it; takes nothing and leaves no trace. False when there is no such file.
  static bool is_held(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace symphony
