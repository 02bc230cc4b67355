// A plugin whose file was renamed: the id that it declares is not its folder and file name.
#include "tests/bad_plugins/bad_plugin.hpp"

SYMPHONY_PLUGIN(symphony::Fusion, FirstSource, symphony::NoParams, "another_name", /*revision=*/1, "a broken library", "the tests");
