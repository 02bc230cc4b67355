# The imported target Symphony::torch: LibTorch by path, either Debian's or one named by CMAKE_PREFIX_PATH or TORCH_ROOT (the official
# archive, or the `torch` folder of a pip installation). LibTorch's own CMake package is not used: it drags in the whole CUDA toolchain.
find_path(SYMPHONY_TORCH_INCLUDE torch/csrc/api/include/torch/types.h
          HINTS ${TORCH_ROOT} PATH_SUFFIXES include REQUIRED)
find_library(SYMPHONY_TORCH_CPU torch_cpu HINTS ${TORCH_ROOT} PATH_SUFFIXES lib REQUIRED)
find_library(SYMPHONY_TORCH_C10 c10 HINTS ${TORCH_ROOT} PATH_SUFFIXES lib REQUIRED)
get_filename_component(SYMPHONY_TORCH_LIB_DIR ${SYMPHONY_TORCH_CPU} DIRECTORY)
find_library(SYMPHONY_TORCH_CUDA torch_cuda HINTS ${SYMPHONY_TORCH_LIB_DIR} NO_DEFAULT_PATH)

set(SYMPHONY_TORCH_VERSION_HEADER ${SYMPHONY_TORCH_INCLUDE}/torch/headeronly/version.h)  # from 2.9 on
if(NOT EXISTS ${SYMPHONY_TORCH_VERSION_HEADER})
  set(SYMPHONY_TORCH_VERSION_HEADER ${SYMPHONY_TORCH_INCLUDE}/torch/csrc/api/include/torch/version.h)
endif()
file(STRINGS ${SYMPHONY_TORCH_VERSION_HEADER} SYMPHONY_TORCH_VERSION_LINE REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" SYMPHONY_TORCH_VERSION "${SYMPHONY_TORCH_VERSION_LINE}")
message(STATUS "LibTorch ${SYMPHONY_TORCH_VERSION}: ${SYMPHONY_TORCH_CPU}")

# pip's LibTorch brings headers of another fmt, which must not be found before those of the fmt that is linked.
set(SYMPHONY_TORCH_OWN_FMT)
find_package(fmt REQUIRED)
get_target_property(SYMPHONY_FMT_INCLUDE fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
if(EXISTS ${SYMPHONY_TORCH_INCLUDE}/fmt AND NOT SYMPHONY_FMT_INCLUDE STREQUAL SYMPHONY_TORCH_INCLUDE)
  set(SYMPHONY_TORCH_OWN_FMT ${CMAKE_BINARY_DIR}/fmt_before_torch)
  file(MAKE_DIRECTORY ${SYMPHONY_TORCH_OWN_FMT})
  file(CREATE_LINK ${SYMPHONY_FMT_INCLUDE}/fmt ${SYMPHONY_TORCH_OWN_FMT}/fmt SYMBOLIC)
endif()

if(NOT TARGET Symphony::torch)
  add_library(Symphony::torch INTERFACE IMPORTED)
  target_include_directories(Symphony::torch SYSTEM INTERFACE ${SYMPHONY_TORCH_OWN_FMT} ${SYMPHONY_TORCH_INCLUDE} ${SYMPHONY_TORCH_INCLUDE}/torch/csrc/api/include)
  target_link_libraries(Symphony::torch INTERFACE ${SYMPHONY_TORCH_CPU} ${SYMPHONY_TORCH_C10})
  if(SYMPHONY_TORCH_CUDA)
    # Nothing of ours refers to a symbol of torch_cuda: without this the linker would drop it and no CUDA kernel would be registered.
    target_link_libraries(Symphony::torch INTERFACE "-Wl,--no-as-needed,${SYMPHONY_TORCH_CUDA},--as-needed")
  endif()
endif()

# Official archives before 2.6 were built with the old string ABI, which cannot be linked with Debian's libraries.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES Symphony::torch)
set(CMAKE_REQUIRED_FLAGS "-std=c++20")
check_cxx_source_compiles("
  #include <c10/util/Exception.h>
  #include <string>
  int main() { c10::Error error({__func__, __FILE__, 0}, std::string(\"x\")); return error.what() == nullptr; }" SYMPHONY_TORCH_STRING_ABI_MATCHES)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT SYMPHONY_TORCH_STRING_ABI_MATCHES)
  message(FATAL_ERROR "LibTorch at ${SYMPHONY_TORCH_CPU} does not link with this compiler's std::string; use a build with the C++11 ABI")
endif()
