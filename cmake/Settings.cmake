# How every target of the project is compiled: language level, hardening, sanitizers, coverage.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(AGENA_WERROR "Turn warnings into errors" OFF)
option(AGENA_COVERAGE "Instrument for coverage" OFF)
option(AGENA_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
set(AGENA_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(agena_settings INTERFACE)
target_include_directories(agena_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(agena_settings INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
                           $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2> _GLIBCXX_ASSERTIONS)
target_compile_options(agena_settings INTERFACE -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections)
target_link_options(agena_settings INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--gc-sections)

if(AGENA_SANITIZE)
  target_compile_options(agena_settings INTERFACE -fsanitize=${AGENA_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=undefined)
  target_link_options(agena_settings INTERFACE -fsanitize=${AGENA_SANITIZE})
endif()
if(AGENA_COVERAGE)
  target_compile_options(agena_settings INTERFACE --coverage)
  target_link_options(agena_settings INTERFACE --coverage)
endif()
if(AGENA_FUZZ)
  target_compile_options(agena_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
