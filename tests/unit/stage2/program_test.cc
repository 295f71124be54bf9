#include "common/stage2/program.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/temp_dir.h"

namespace agena::stage2 {
namespace {

using agena::test::ok;
using Paths = std::vector<std::string>;

TEST(ProgramCandidates, FollowTheSearchRules) {
  const std::optional<std::string> path = "/usr/bin:bin::/sbin/";
  EXPECT_EQ(program_candidates("/bin/x", "/srv", path), (Paths{"/bin/x"}));
  EXPECT_EQ(program_candidates("./x", "/srv", path), (Paths{"/srv/./x"}));
  EXPECT_EQ(program_candidates("a/x", "/", path), (Paths{"/a/x"}));
  EXPECT_EQ(program_candidates("x", "/srv", path), (Paths{"/usr/bin/x", "/srv/bin/x", "/srv/x", "/sbin/x"}));
  EXPECT_EQ(program_candidates("x", "/srv", std::nullopt), (Paths{"/srv/x", "/bin/x", "/usr/bin/x"}));
  EXPECT_EQ(program_candidates("x", "/", ""), (Paths{"/x", "/bin/x", "/usr/bin/x"}));
}

class ProgramFiles : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ok(sys::make_dirs(root_.dir(), "usr/bin"))); }

  void make(const std::string& path, mode_t mode, std::string_view content = "") {
    ASSERT_TRUE(ok(sys::write_file(root_.dir(), path, content, mode)));
  }
  Result<std::string> find(const std::string& name,
                           const std::optional<std::string>& path = "/bin:/usr/bin") {
    return find_program(root_.dir(), name, "/", path);
  }
  std::string explain(const std::string& path, int error) {
    return explain_exec_failure(root_.dir(), path, error);
  }

  test::TempDir root_;
};

TEST_F(ProgramFiles, TheFirstThatCanBeExecutedIsTaken) {
  make("usr/bin/x", 0755);
  EXPECT_EQ(find("x").value_or(""), "/usr/bin/x");
  ASSERT_TRUE(ok(sys::make_dirs(root_.dir(), "bin/x")));
  EXPECT_EQ(find("x").value_or(""), "/usr/bin/x") << "a directory of that name must not end the search";
  make("bin/y", 0644);
  make("usr/bin/y", 0755);
  EXPECT_EQ(find("y").value_or(""), "/usr/bin/y");
}

TEST_F(ProgramFiles, SymlinksStayInsideTheRoot) {
  make("usr/bin/real", 0755);
  ASSERT_TRUE(ok(sys::make_symlink("/usr/bin", root_.dir(), "bin")));
  ASSERT_TRUE(ok(sys::make_symlink("../../../../../usr/bin/real", root_.dir(), "usr/bin/link")));
  EXPECT_EQ(find("/bin/link").value_or(""), "/bin/link");
  // There on the host, but not here.
  EXPECT_FALSE(find("/proc/self/exe"));
}

TEST_F(ProgramFiles, WhatIsNotThereIsNamedWithThePlacesSearched) {
  EXPECT_EQ(find("nope").error().to_string(), "unable to find 'nope' in '/bin:/usr/bin'");
  EXPECT_EQ(find("nope", std::nullopt).error().to_string(), "unable to find 'nope' in '/:/bin:/usr/bin'");
  EXPECT_EQ(find("/usr/nope").error().to_string(), "unable to find '/usr/nope' in the app's root");
  EXPECT_EQ(find("./nope").error().to_string(), "unable to find './nope' in '/'");
  EXPECT_EQ(find("nope").error().kind(), ErrorKind::kNotFound);
  make("usr/bin/file", 0755);
  EXPECT_EQ(find("/usr/bin/file/x").error().kind(), ErrorKind::kNotFound);
}

TEST_F(ProgramFiles, WhatCannotBeExecutedIsNamedWithTheReason) {
  make("usr/bin/x", 0640);
  EXPECT_EQ(find("x").error().to_string(),
            "cannot execute '/usr/bin/x': its mode 0640 has no execute permission");
  EXPECT_EQ(find("/usr").error().to_string(), "cannot execute '/usr': it is a directory");
  ASSERT_EQ(::mkfifoat(root_.dir().get(), "usr/bin/fifo", 0755), 0);
  EXPECT_EQ(find("fifo").error().to_string(), "cannot execute '/usr/bin/fifo': it is not a regular file");
  EXPECT_EQ(find("x").error().kind(), ErrorKind::kPermission);
}

// A little-endian 64 bit ELF file for a machine, with an interpreter if it is not empty.
std::string elf_file(std::uint16_t machine, const std::string& interpreter) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = interpreter.empty() ? 1 : 2;
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  Elf64_Phdr interp{};
  interp.p_type = PT_INTERP;
  interp.p_offset = sizeof header + 2 * sizeof interp;
  interp.p_filesz = interpreter.size() + 1;
  std::string bytes(sizeof header + 2 * sizeof interp, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &load, sizeof load);
  std::memcpy(bytes.data() + sizeof header + sizeof load, &interp, sizeof interp);
  return bytes + interpreter + '\0';
}

TEST(InspectProgram, TellsKinds) {
  using Kind = ProgramImage::Kind;
  EXPECT_EQ(inspect_program("").kind, Kind::kEmpty);
  EXPECT_EQ(inspect_program("echo hello\n").kind, Kind::kOther);
  EXPECT_EQ(inspect_program("\x7f"
                            "ELF")
                .kind,
            Kind::kOther)
      << "too short for a header";
  const ProgramImage elf = inspect_program(elf_file(EM_AARCH64, "/lib/ld.so"));
  EXPECT_EQ(elf.kind, Kind::kElf);
  EXPECT_EQ(elf.machine, EM_AARCH64);
  EXPECT_EQ(elf.interpreter, "/lib/ld.so");
  EXPECT_EQ(inspect_program(elf_file(EM_X86_64, "")).interpreter, "");
  std::string big_endian = elf_file(EM_S390, "");
  big_endian[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(inspect_program(big_endian).kind, Kind::kForeignElf);
}

TEST(InspectProgram, ReadsInterpreterLinesAsTheKernelDoes) {
  EXPECT_EQ(inspect_program("#!/bin/sh\n").interpreter, "/bin/sh");
  EXPECT_EQ(inspect_program("#! \t/usr/bin/env  python3 -u\nprint()").interpreter, "/usr/bin/env");
  EXPECT_EQ(inspect_program("#!/bin/sh").interpreter, "/bin/sh");
  EXPECT_EQ(inspect_program("#!").interpreter, "");
  EXPECT_EQ(inspect_program("#!\n/bin/sh").interpreter, "");
}

TEST(InspectProgram, OffsetsBeyondTheFileAreIgnored) {
  std::string bytes = elf_file(EM_X86_64, "/lib/ld.so");
  EXPECT_EQ(inspect_program(bytes.substr(0, bytes.size() - 4)).interpreter, "");
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  header.e_phoff = ~std::uint64_t{0};
  std::memcpy(bytes.data(), &header, sizeof header);
  EXPECT_EQ(inspect_program(bytes).interpreter, "");
}

TEST_F(ProgramFiles, FailuresOfExecAreExplained) {
  make("dynamic", 0755, elf_file(EM_X86_64, "/lib64/ld-linux.so.9"));
  EXPECT_EQ(explain("/dynamic", ENOENT),
            "program '/dynamic' needs the loader '/lib64/ld-linux.so.9', which is not in the app's root");
  make("script", 0755, "#!/bin/bash -e\n");
  EXPECT_EQ(explain("/script", ENOENT),
            "script '/script' needs the interpreter '/bin/bash', which is not in the app's root");
  make("dos", 0755, "#!/bin/sh\r\necho\r\n");
  EXPECT_EQ(explain("/dos", ENOENT),
            "the first line of script '/dos' ends with a carriage return (DOS line ends)");
  make("arm", 0755, elf_file(EM_ARM, ""));
  EXPECT_THAT(explain("/arm", ENOEXEC),
              ::testing::StartsWith("program '/arm' is damaged or made for arm; this machine is "));
  make("empty", 0755);
  EXPECT_EQ(explain("/empty", ENOEXEC), "program '/empty' is an empty file");
  make("text", 0755, "echo hello\n");
  EXPECT_EQ(explain("/text", ENOEXEC), "'/text' is neither a program nor a script with a '#!' line");
  EXPECT_EQ(explain("/script", EACCES),
            "'/bin/bash', which runs '/script', cannot be executed: permission denied");
  EXPECT_EQ(explain("/script", E2BIG),
            "arguments and environment of '/script' are larger than the kernel takes");
  EXPECT_EQ(explain("/gone", ENOENT), "executing '/gone': no such file or directory");
  EXPECT_EQ(explain("/dynamic", ETXTBSY), "executing '/dynamic': text file busy");
}

}  // namespace
}  // namespace agena::stage2
