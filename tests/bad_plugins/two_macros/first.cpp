// One of two methods in one library, which must not link: the loader could see only one of them.
#include "tests/bad_plugins/bad_plugin.hpp"

SYMPHONY_PLUGIN(symphony::Fusion, FirstSource, symphony::NoParams, "first", /*revision=*/1, "one of two in a library", "the tests");
