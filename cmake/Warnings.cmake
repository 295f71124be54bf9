# The warning set of the project; errors only where a preset asks for it (AGENA_WERROR). Not in it: -Wnull-dereference, which
# does nothing without optimisation and with it complains about libstdc++'s own streams.
add_library(agena_warnings INTERFACE)
target_compile_options(agena_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wswitch-enum -Wunused-result)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict of g++ 12 fires falsely on std::string's operator+ (GCC bug 105651), -Wmaybe-uninitialized on an empty
  # std::optional (GCC bug 80635).
  target_compile_options(agena_warnings INTERFACE -Wlogical-op -Wduplicated-cond -Wno-restrict -Wno-maybe-uninitialized)
else()
  # TRY is a GNU statement expression by decision (docs/style.md).
  target_compile_options(agena_warnings INTERFACE -Wno-gnu-statement-expression-from-macro-expansion)
endif()
if(AGENA_WERROR)
  target_compile_options(agena_warnings INTERFACE -Werror)
endif()
