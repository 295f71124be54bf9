#include "common/sys/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace agena::sys {

bool is_seccomp_filter(std::string_view bytes) {
  return !bytes.empty() && bytes.size() % sizeof(sock_filter) == 0 &&
         bytes.size() / sizeof(sock_filter) <= BPF_MAXINSNS;
}

Result<> install_seccomp_filter(std::string_view bytes) {
  if (!is_seccomp_filter(bytes)) return fail(ErrorKind::kInvalidInput, "not a filter: its size is wrong");
  // The bytes need not be aligned.
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) return sys_fail("installing it");
  return {};
}

}  // namespace agena::sys
