#include <elf.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/stage2/program.h"
#include "common/sys/path_in_root.h"

namespace agena::stage2 {
namespace {

// A structure at an offset of the bytes, if it lies within them.
template <class T>
std::optional<T> read_at(std::string_view bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Path in PT_INTERP; empty if there is none, or if it is not within the bytes.
template <class Header, class ProgramHeader>
std::string elf_interpreter(std::string_view bytes) {
  const auto header = read_at<Header>(bytes, 0);
  if (!header) return {};
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto entry =
        read_at<ProgramHeader>(bytes, header->e_phoff + std::uint64_t{i} * header->e_phentsize);
    if (!entry) return {};
    if (entry->p_type != PT_INTERP) continue;
    if (entry->p_offset > bytes.size() || entry->p_filesz > bytes.size() - entry->p_offset) return {};
    const std::string_view text = bytes.substr(entry->p_offset, entry->p_filesz);
    return std::string(text.substr(0, text.find('\0')));
  }
  return {};
}

ProgramImage inspect_elf(std::string_view bytes) {
  constexpr unsigned char kOurs = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  ProgramImage image;
  // Class, byte order and e_machine stand at the same place in 32 and 64 bit files.
  const auto header = read_at<Elf32_Ehdr>(bytes, 0);
  if (!header) return image;
  if (header->e_ident[EI_DATA] != kOurs) {
    image.kind = ProgramImage::Kind::kForeignElf;
    return image;
  }
  image.kind = ProgramImage::Kind::kElf;
  image.machine = header->e_machine;
  image.interpreter = header->e_ident[EI_CLASS] == ELFCLASS64
                          ? elf_interpreter<Elf64_Ehdr, Elf64_Phdr>(bytes)
                          : elf_interpreter<Elf32_Ehdr, Elf32_Phdr>(bytes);
  return image;
}

// Program of a "#!" line (execve(2), "Interpreter scripts"): up to the first blank.
std::string script_interpreter(std::string_view bytes) {
  std::string_view line = bytes.substr(2, std::min(bytes.find('\n'), bytes.size()) - 2);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

}  // namespace

ProgramImage inspect_program(std::string_view bytes) {
  if (bytes.empty()) return {.kind = ProgramImage::Kind::kEmpty, .interpreter = {}};
  if (bytes.starts_with(std::string_view(ELFMAG, SELFMAG))) return inspect_elf(bytes);
  if (bytes.starts_with("#!"))
    return {.kind = ProgramImage::Kind::kScript, .interpreter = script_interpreter(bytes)};
  return {};
}

namespace {

struct MachineRow {
  std::string_view name;  // as uname(2) spells it
  std::uint16_t value;
};
constexpr std::array kMachines = {
    MachineRow{"aarch64", EM_AARCH64}, MachineRow{"arm", EM_ARM},    MachineRow{"i386", EM_386},
    MachineRow{"loongarch64", 258},    MachineRow{"mips", EM_MIPS},  MachineRow{"ppc64", EM_PPC64},
    MachineRow{"riscv64", EM_RISCV},   MachineRow{"s390x", EM_S390}, MachineRow{"x86_64", EM_X86_64},
};
static_assert(sorted_by_name(kMachines));

std::string machine_name(const ProgramImage& image) {
  if (image.kind == ProgramImage::Kind::kForeignElf) return "a machine of the other byte order";
  const MachineRow* row = find_by_value(kMachines, image.machine);
  return row == nullptr ? fmt::format("machine type {}", image.machine) : std::string(row->name);
}

std::string this_machine() {
  utsname name{};
  return ::uname(&name) == 0 ? std::string(name.machine) : std::string("another one");
}

// The start of a program; empty optional if it cannot be read.
std::optional<std::string> read_start(sys::DirRef root, const std::string& program) {
  const auto fd = sys::open_in_root(root, program, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return std::nullopt;
  std::string bytes(kInspectedBytes, '\0');
  const ssize_t n = ::pread(fd->get(), bytes.data(), bytes.size(), 0);
  if (n < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

// ENOENT for a program that is there: what it is run by is not.
std::string missing_interpreter(const ProgramImage& image, const std::string& program) {
  const std::string interpreter = printable(image.interpreter);
  if (image.kind == ProgramImage::Kind::kScript && image.interpreter.ends_with('\r'))
    return fmt::format("the first line of script '{}' ends with a carriage return (DOS line ends)", program);
  if (image.kind == ProgramImage::Kind::kScript)
    return fmt::format("script '{}' needs the interpreter '{}', which is not in the app's root", program,
                       interpreter);
  return fmt::format("program '{}' needs the loader '{}', which is not in the app's root", program,
                     interpreter);
}

std::string wrong_format(const ProgramImage& image, const std::string& program) {
  using Kind = ProgramImage::Kind;
  switch (image.kind) {
    case Kind::kEmpty:
      return fmt::format("program '{}' is an empty file", program);
    case Kind::kElf:
    case Kind::kForeignElf:
      return fmt::format("program '{}' is damaged or made for {}; this machine is {}", program,
                         machine_name(image), this_machine());
    case Kind::kScript:
      return fmt::format("script '{}' names no interpreter that can run it", program);
    case Kind::kOther:
      break;
  }
  return fmt::format("'{}' is neither a program nor a script with a '#!' line", program);
}

}  // namespace

std::string explain_exec_failure(sys::DirRef root, const std::string& path, int exec_errno) {
  const std::string program = printable(path);
  const auto start = read_start(root, path);
  const ProgramImage image = start ? inspect_program(*start) : ProgramImage{};
  switch (exec_errno) {
    case ENOENT:
      if (start && !image.interpreter.empty()) return missing_interpreter(image, program);
      break;
    case ENOEXEC:
      if (start) return wrong_format(image, program);
      break;
    case EACCES:
      // The program itself was checked when it was found; so it is what it is run by.
      if (!image.interpreter.empty())
        return fmt::format("'{}', which runs '{}', cannot be executed: {}", printable(image.interpreter),
                           program, errno_text(exec_errno));
      break;
    case ELIBBAD:
      return fmt::format("the loader '{}' of program '{}' is not a valid one", printable(image.interpreter),
                         program);
    case E2BIG:
      return fmt::format("arguments and environment of '{}' are larger than the kernel takes", program);
    default:
      break;
  }
  return fmt::format("executing '{}': {}", program, errno_text(exec_errno));
}

}  // namespace agena::stage2
