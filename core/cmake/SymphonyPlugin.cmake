# add_symphony_plugin(category name): builds <name>.cpp into <output>/plugins/<category>/<name>.so. Works in this tree and, through the
# installed package (find_package(Symphony)), in any other. The targets of a category are kept in the global property SYMPHONY_PLUGINS_<category>.
#
#   add_symphony_plugin(fusion slerp)                        # source: <category>/<name>.cpp or <name>.cpp; installed below lib/symphony/plugins
#   add_symphony_plugin(fusion mine SOURCES a.cpp OUTPUT_DIRECTORY /elsewhere TARGET my_target)          # with an output of its own: not installed
function(add_symphony_plugin category name)
  cmake_parse_arguments(PLUGIN "" "OUTPUT_DIRECTORY;TARGET" "SOURCES" ${ARGN})
  if(NOT PLUGIN_SOURCES)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${category}/${name}.cpp)
      set(PLUGIN_SOURCES ${category}/${name}.cpp)
    else()
      set(PLUGIN_SOURCES ${name}.cpp)
    endif()
  endif()
  set(target plugin_${category}_${name})
  if(PLUGIN_TARGET)
    set(target ${PLUGIN_TARGET})
  endif()
  add_library(${target} MODULE ${PLUGIN_SOURCES})
  if(NOT PLUGIN_OUTPUT_DIRECTORY)
    symphony_plugin_folder(PLUGIN_OUTPUT_DIRECTORY)
    install(TARGETS ${target} LIBRARY DESTINATION lib/symphony/plugins/${category})
  endif()
  target_link_libraries(${target} PRIVATE Symphony::core Symphony::torch)
  set_target_properties(${target} PROPERTIES
    PREFIX "" DEFINE_SYMBOL "" POSITION_INDEPENDENT_CODE ON OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${PLUGIN_OUTPUT_DIRECTORY}/${category}
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    INSTALL_RPATH "$ORIGIN/../../.." INSTALL_RPATH_USE_LINK_PATH ON)
  set_property(GLOBAL APPEND PROPERTY SYMPHONY_PLUGINS_${category} ${target})
  # nodelete: an object whose library was unloaded crashes; no-undefined: a missing symbol is found here, not at load.
  target_link_options(${target} PRIVATE -Wl,-z,nodelete -Wl,--no-undefined)
  if(COMMAND symphony_warnings)
    symphony_warnings(${target})
  endif()
  if(TARGET symphony_plugin_pch)
    target_precompile_headers(${target} REUSE_FROM symphony_plugin_pch)
  endif()
endfunction()

# Where plugins are built: plugins/ beside the other libraries of the project.
function(symphony_plugin_folder variable)
  set(folder ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
  if(NOT folder)
    set(folder ${CMAKE_BINARY_DIR})
  endif()
  set(${variable} ${folder}/plugins PARENT_SCOPE)
endfunction()

# add_symphony_plugin_test(category name): tests/<category>/test_<name>.cpp as a Catch2 program and a ctest entry, for projects outside
# Symphony's own tree (whose tests are gathered by category).
function(add_symphony_plugin_test category name)
  symphony_plugin_folder(folder)
  set(target test_${category}_${name})
  add_executable(${target} tests/${category}/test_${name}.cpp)
  target_link_libraries(${target} PRIVATE Symphony::core Symphony::torch Catch2::Catch2)
  target_compile_definitions(${target} PRIVATE SYMPHONY_PLUGIN_FOLDER="${folder}")
  set_target_properties(${target} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  add_dependencies(${target} plugin_${category}_${name})
  add_test(NAME ${target} COMMAND ${target})
endfunction()
