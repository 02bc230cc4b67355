// One line that names everything on which binary compatibility between core and a plugin rests: compiler, language standard, string ABI of
// libstdc++, LibTorch and build type. A plugin carries the tag it was compiled with; the loader refuses one that differs from core's own.
#pragma once

#include <torch/version.h>

#define SYMPHONY_TAG_TEXT_OF(value) #value
#define SYMPHONY_TAG_TEXT(value) SYMPHONY_TAG_TEXT_OF(value)

#if defined(__clang__)
#define SYMPHONY_TAG_COMPILER "clang " SYMPHONY_TAG_TEXT(__clang_major__)
#elif defined(__GNUC__)
#define SYMPHONY_TAG_COMPILER "gcc " SYMPHONY_TAG_TEXT(__GNUC__)
#else
#error "core/plugin/build_tag.hpp: unknown compiler; name it here"
#endif

#ifdef NDEBUG
#define SYMPHONY_TAG_BUILD "release"
#else
#define SYMPHONY_TAG_BUILD "debug"
#endif

#if defined(_GLIBCXX_USE_CXX11_ABI)
#define SYMPHONY_TAG_STRINGS "cxx11-abi " SYMPHONY_TAG_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#define SYMPHONY_TAG_STRINGS "libc++"
#endif

namespace symphony {

inline constexpr const char* kBuildTag = SYMPHONY_TAG_COMPILER "; c++ " SYMPHONY_TAG_TEXT(__cplusplus) "; " SYMPHONY_TAG_STRINGS
                                         "; libtorch " TORCH_VERSION "; " SYMPHONY_TAG_BUILD;

/// The tag with which libsymphony_core was compiled: what a plugin's own is compared with.
const char* core_build_tag();

}  // namespace symphony

#undef SYMPHONY_TAG_TEXT_OF
#undef SYMPHONY_TAG_TEXT
#undef SYMPHONY_TAG_COMPILER
#undef SYMPHONY_TAG_BUILD
#undef SYMPHONY_TAG_STRINGS
