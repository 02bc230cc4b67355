// A POSIX file descriptor that closes itself, and the error text of the last failed system call.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "core/base/error.hpp"

namespace symphony {

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(std::exchange(other.number_, -1));
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void reset(int number = -1) {
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }

 private:
  int number_;
};

inline std::string errno_text(int number = errno) { return std::generic_category().message(number); }

/// Throws DataError "<path>: <what>: <the system's reason>".
[[noreturn]] inline void fail_with_errno(const std::filesystem::path& path, std::string_view what) {
  const std::string reason = errno_text();
  fail<DataError>(path.string(), "{}: {}", what, reason);
}

}  // namespace symphony
