#include "manifests/isolators/sysctls.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"

namespace agena::isolators {
namespace {

enum class Scope { kIpc, kNetwork, kUts };

struct Row {
  std::string_view path;  // with a '/' at its end: everything below
  Scope scope;
};
// ipc_namespaces(7), network_namespaces(7), uts_namespaces(7). The kernel leaves out of a network namespace
// what is the host's.
constexpr std::array kRows = {
    Row{"fs/mqueue/", Scope::kIpc},      Row{"kernel/domainname", Scope::kUts},
    Row{"kernel/hostname", Scope::kUts}, Row{"kernel/msgmax", Scope::kIpc},
    Row{"kernel/msgmnb", Scope::kIpc},   Row{"kernel/msgmni", Scope::kIpc},
    Row{"kernel/sem", Scope::kIpc},      Row{"kernel/shm_rmid_forced", Scope::kIpc},
    Row{"kernel/shmall", Scope::kIpc},   Row{"kernel/shmmax", Scope::kIpc},
    Row{"kernel/shmmni", Scope::kIpc},   Row{"net/", Scope::kNetwork},
};

bool covers(const Row& row, std::string_view path) {
  return row.path.ends_with('/') ? path.starts_with(row.path) : path == row.path;
}

}  // namespace

Result<std::string> sysctl_path(std::string_view name) {
  std::string path(name);
  // The first separator says which of the two notations it is.
  const std::size_t first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.') {
    // In the dotted notation, a slash stands for a dot.
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  for (const std::string& part : split(path, '/'))
    if (part.empty() || part == "." || part == "..")
      return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a kernel setting", printable(name));
  if (path.contains('\0') || first == std::string::npos)
    return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a kernel setting", printable(name));
  return path;
}

Result<> check_sysctl(std::string_view name, const OwnNamespaces& own) {
  const std::string path = TRY(sysctl_path(name));
  const auto* row = std::ranges::find_if(kRows, [&](const Row& one) { return covers(one, path); });
  if (row == kRows.end())
    return fail(
        ErrorKind::kInvalidInput,
        "'{}' is a setting of the whole host, not of a pod (pods have net.*, kernel.shm*, kernel.msg*, "
        "kernel.sem, fs.mqueue.*, kernel.hostname and kernel.domainname)",
        printable(name));
  if (row->scope == Scope::kIpc && !own.ipc)
    return fail(ErrorKind::kInvalidInput,
                "'{}' would be the host's: the pod shares its IPC namespace (--ipc)", printable(name));
  if (row->scope == Scope::kNetwork && !own.network)
    return fail(ErrorKind::kInvalidInput, "'{}' would be the host's: the pod shares its network (--net)",
                printable(name));
  return {};
}

}  // namespace agena::isolators
