// Out-of-line members of the exception types, so that their type information lives once, in the core library.
#include "core/base/error.hpp"

namespace symphony {

Error::Error(const std::string& message) : std::runtime_error(message) {}
Error::~Error() = default;
int Error::exit_code() const noexcept { return 1; }

ConfigError::~ConfigError() = default;
int ConfigError::exit_code() const noexcept { return 2; }

DataError::~DataError() = default;
int DataError::exit_code() const noexcept { return 3; }

PluginError::~PluginError() = default;
int PluginError::exit_code() const noexcept { return 4; }

NumericError::~NumericError() = default;
int NumericError::exit_code() const noexcept { return 5; }

void rethrow_within(std::string_view where) {
  try {
    throw;
  } catch (const ConfigError& error) {
    fail<ConfigError>(where, "{}", error.what());
  } catch (const DataError& error) {
    fail<DataError>(where, "{}", error.what());
  } catch (const PluginError& error) {
    fail<PluginError>(where, "{}", error.what());
  } catch (const NumericError& error) {
    fail<NumericError>(where, "{}", error.what());
  } catch (const Error& error) {
    fail<Error>(where, "{}", error.what());
  }
}

void assertion_failed(const char* condition, const char* file, int line) {
  throw Error(fmt::format("internal error: '{}' does not hold at {}:{}; please report it", condition, file, line));
}

}  // namespace symphony
