// First bytes of programs (ELF headers, "#!" lines): read without leaving them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/stage2/program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage2;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProgramImage image = inspect_program(bytes);
  // An interpreter is a part of the file.
  if (bytes.find(image.interpreter) == std::string_view::npos) std::abort();
  if (bytes.empty() != (image.kind == ProgramImage::Kind::kEmpty)) std::abort();
  return 0;
}
