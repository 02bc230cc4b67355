# symphony_warnings(target): our warning set, errors by default; sanitizers when asked for. System headers stay silent.
function(symphony_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers)
  # GCC 12 sees overlapping copies where a short literal is assigned to a std::string (GCC bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  if(SYMPHONY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(SYMPHONY_SANITIZE)
    # Instrumentation confuses GCC's flow analysis: it takes moved-from variants for uninitialised ones.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -fsanitize=${SYMPHONY_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${SYMPHONY_SANITIZE})
  endif()
endfunction()
