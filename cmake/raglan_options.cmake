# Compiler and linker options, the same for every target.
add_library(raglan_options INTERFACE)
target_include_directories(raglan_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(raglan_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -Wno-gnu-anonymous-struct
  -Werror -march=x86-64-v2 -fno-omit-frame-pointer
  # Or every precompiled header, and all that includes it, would be new to ccache.
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
target_compile_definitions(raglan_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME)
target_link_options(raglan_options INTERFACE -fuse-ld=lld)
find_package(Threads REQUIRED)
target_link_libraries(raglan_options INTERFACE Threads::Threads)

if(RAGLAN_SANITIZE)
  target_compile_options(raglan_options INTERFACE -fsanitize=${RAGLAN_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(raglan_options INTERFACE -fsanitize=${RAGLAN_SANITIZE})
endif()
