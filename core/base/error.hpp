// The exception types of the framework. Every message reads
//   where: what, got value, expected, nearest or next step
// in lower case without a full stop; the class decides the exit status of the runner.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace symphony {

/// Base of everything the framework throws. `exit_code` is what the runner returns when the error reaches main.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
  ~Error() override;
  virtual int exit_code() const noexcept;
};

/// A mistake in a user's file or on the command line (exit 2).
class ConfigError : public Error {
 public:
  using Error::Error;
  ~ConfigError() override;
  int exit_code() const noexcept override;
};

/// A bad tensor, text or file (exit 3).
class DataError : public Error {
 public:
  using Error::Error;
  ~DataError() override;
  int exit_code() const noexcept override;
};

/// A plugin that cannot be loaded or broke its contract (exit 4).
class PluginError : public Error {
 public:
  using Error::Error;
  ~PluginError() override;
  int exit_code() const noexcept override;
};

/// NaN, infinity, no convergence, or an invariance that does not hold (exit 5).
class NumericError : public Error {
 public:
  using Error::Error;
  ~NumericError() override;
  int exit_code() const noexcept override;
};

/// Throws `E` with the message "<where>: <formatted text>".
template <typename E, typename... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format("{}: {}", where, fmt::format(format, std::forward<Args>(args)...)));
}

/// Within a catch block: throws the current exception again as the same class of ours, its message led by "<where>: ". Other exceptions
/// pass through unchanged.
[[noreturn]] void rethrow_within(std::string_view where);

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace symphony

/// For our own bugs only, never for input: aborts the operation with file and line.
#define SYMPHONY_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::symphony::assertion_failed(#condition, __FILE__, __LINE__))
