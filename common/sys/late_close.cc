#include "common/sys/late_close.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace agena::sys {

UniqueFd hold_for_late_close(std::span<const int> descriptors) {
  if (descriptors.empty()) return {};
  io_uring_params parameters{};
  UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  if (!ring) return {};
  if (::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_FILES, descriptors.data(),
                descriptors.size()) != 0)
    return {};
  return ring;
}

}  // namespace agena::sys
