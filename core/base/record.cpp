// The recorder's destructor, so that its type information lives once, in the core library.
#include "core/base/record.hpp"

namespace symphony {

Recorder::~Recorder() = default;

}  // namespace symphony
