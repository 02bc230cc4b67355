// Copies a group with everything below it into another file, dimension scales re-attached.
#pragma once

#include <string>

#include "core/log/h5_handle.hpp"

namespace symphony {

/// Copies attributes and members of `from` into the group `to`; members called `leave_out` at the top are skipped. Every scale that a
/// dataset is attached to must lie inside `from`.
void copy_tree(hid_t from, hid_t to, const std::string& leave_out = "");

}  // namespace symphony
