// Turns a negative result of an HDF5 call into the DataError of h5_call.hpp.
#pragma once

#include <string_view>

#include "core/log/h5_call.hpp"

namespace symphony::h5 {

template <typename Result>
Result check(Result result, hid_t location, std::string_view object, std::string_view action) {
  if (result < 0) raise(location, object, action);
  return result;
}

}  // namespace symphony::h5
