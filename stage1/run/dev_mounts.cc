#include "stage1/run/dev_mounts.h"

#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>

namespace agena::stage1 {
namespace {

struct Node {
  const char* name;
  unsigned major;
  unsigned minor;
};
// Documentation/admin-guide/devices.txt.
constexpr std::array kNodes = {Node{"null", 1, 3},   Node{"zero", 1, 5},    Node{"full", 1, 7},
                               Node{"random", 1, 8}, Node{"urandom", 1, 9}, Node{"tty", 5, 0}};

struct Link {
  const char* name;
  const char* text;
};
constexpr std::array kLinks = {Link{"ptmx", "pts/ptmx"}, Link{"fd", "/proc/self/fd"},
                               Link{"stdin", "/proc/self/fd/0"}, Link{"stdout", "/proc/self/fd/1"},
                               Link{"stderr", "/proc/self/fd/2"}};

}  // namespace

void add_dev(sys::MountPlan& plan, const std::string& at) {
  plan.push_back({.kind = sys::MountKind::kFilesystem,
                  .target = at,
                  .type = "tmpfs",
                  .options = {{"mode", "755"}, {"size", "65536"}},
                  .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
  for (const Node& node : kNodes)
    plan.push_back({.kind = sys::MountKind::kNode,
                    .target = at + "/" + node.name,
                    .mode = S_IFCHR | 0666,
                    .device = makedev(node.major, node.minor)});
  for (const Link& link : kLinks)
    plan.push_back({.kind = sys::MountKind::kSymlink, .target = at + "/" + link.name, .source = link.text});
}

}  // namespace agena::stage1
