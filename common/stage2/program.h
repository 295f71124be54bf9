// Finding the program of a plan inside a root, and saying why one cannot be executed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage2 {

// Paths to be tried for a program, all absolute: the name itself if absolute; with a '/' in it, relative to
// the working directory; bare, in each directory of `path` (relative ones below the working directory), or
// without a path in the working directory, /bin and /usr/bin.
std::vector<std::string> program_candidates(const std::string& name, const std::string& working_directory,
                                            const std::optional<std::string>& path);

// First candidate that the calling process may execute, symlinks resolved inside the root. kNotFound if there
// is none ("unable to find 'x' in 'dir:dir'"); kPermission if what was found cannot be executed, with the
// reason.
Result<std::string> find_program(sys::DirRef root, const std::string& name,
                                 const std::string& working_directory,
                                 const std::optional<std::string>& path);

// What the first bytes of a file say about how it is executed.
struct ProgramImage {
  enum class Kind { kElf, kForeignElf, kScript, kEmpty, kOther };
  Kind kind = Kind::kOther;
  std::uint16_t machine = 0;  // e_machine of ELF files
  std::string interpreter;    // PT_INTERP of an ELF file, or the program of a "#!" line; may be empty
};
// Bytes that inspect_program() wants to see of a file, if it has them.
inline constexpr std::size_t kInspectedBytes = 64U << 10U;
// Reads untrusted bytes; never fails.
ProgramImage inspect_program(std::string_view bytes);

// Why execve(2) of a path inside the root failed with this errno: a missing loader or interpreter, another
// architecture, a noexec mount, … A whole clause that names the program.
std::string explain_exec_failure(sys::DirRef root, const std::string& program, int exec_errno);

}  // namespace agena::stage2
