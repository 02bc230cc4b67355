# cmake --install: bin/runner, lib/libsymphony_core.so, lib/symphony/plugins/<category>/<name>.so, include/symphony/, the CMake package and
# share/symphony/{experiments,analysis}. The tree may be moved: every library is found relative to who needs it.
include(CMakePackageConfigHelpers)

get_filename_component(SYMPHONY_TORCH_ROOT ${SYMPHONY_TORCH_INCLUDE} DIRECTORY)
set(package_folder lib/cmake/Symphony)
configure_file(${CMAKE_SOURCE_DIR}/core/cmake/SymphonyConfig.cmake.in ${CMAKE_BINARY_DIR}/package/SymphonyConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/SymphonyConfigVersion.cmake COMPATIBILITY ExactVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/SymphonyConfig.cmake ${CMAKE_BINARY_DIR}/package/SymphonyConfigVersion.cmake
        ${CMAKE_SOURCE_DIR}/core/cmake/SymphonyPlugin.cmake ${CMAKE_SOURCE_DIR}/core/cmake/SymphonyTorch.cmake DESTINATION ${package_folder})

set_target_properties(symphony_core PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS symphony_core LIBRARY DESTINATION lib)
if(TARGET runner)
  set_target_properties(runner PROPERTIES INSTALL_RPATH "$ORIGIN/../lib" INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS runner RUNTIME DESTINATION bin)
endif()

install(DIRECTORY ${CMAKE_SOURCE_DIR}/core DESTINATION include/symphony FILES_MATCHING PATTERN "*.hpp"
        PATTERN app EXCLUDE PATTERN cmake EXCLUDE PATTERN setup EXCLUDE)
install(FILES ${CMAKE_SOURCE_DIR}/tests/plugins/plugin_fixture.hpp DESTINATION include/symphony/tests/plugins)
if(EXISTS ${CMAKE_SOURCE_DIR}/experiments)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/experiments DESTINATION share/symphony FILES_MATCHING PATTERN "*.yaml")
endif()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/analysis DESTINATION share/symphony FILES_MATCHING PATTERN "*.py" PATTERN "*.css" PATTERN __pycache__ EXCLUDE)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/plugins/new_plugin.py DESTINATION share/symphony/plugins)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/plugins/templates DESTINATION share/symphony/plugins)
