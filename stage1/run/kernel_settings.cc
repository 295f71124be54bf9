#include "stage1/run/kernel_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/isolators/sysctls.h"

namespace agena::stage1 {
namespace {

constexpr const char* kHostname = "kernel/hostname";
constexpr const char* kDomainname = "kernel/domainname";
// docker's and Linux containers' usual size.
constexpr std::uint64_t kDefaultShmSize = 64U << 20U;

template <class Value>
const Value* pod_setting(const schema::PodManifest& manifest, schema::IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(manifest.isolators, kind);
  return isolator == nullptr ? nullptr : std::get_if<Value>(&isolator->value);
}

const schema::Sysctls* sysctls_of(const schema::PodManifest& manifest) {
  return pod_setting<schema::Sysctls>(manifest, schema::IsolatorKind::kSysctls);
}

Result<> write_sysctl(const sys::DirFd& root, const std::string& path, const std::string& value) {
  // The file belongs to the host's root; the call asks who owns the namespace.
  if (path == kDomainname)
    return ::setdomainname(value.data(), value.size()) == 0 ? Result<>()
                                                            : sys_fail("the value '{}'", printable(value));
  auto file = sys::open_at(root, "proc/sys/" + path, O_WRONLY);
  if (!file && file.error().sys_errno() == ENOENT)
    return fail(ErrorKind::kUnsupported, "this kernel has no such setting in a namespace of the pod's own");
  if (!file) return std::unexpected(std::move(file).error());
  TRY_CTX(sys::write_all(file->get(), value), "the value '{}'", printable(value));
  return {};
}

}  // namespace

std::optional<std::string> hostname_setting(const schema::PodManifest& manifest) {
  if (const schema::Sysctls* sysctls = sysctls_of(manifest))
    for (const auto& [name, value] : sysctls->values)
      if (isolators::sysctl_path(name).value_or("") == kHostname) return value;
  return std::nullopt;
}

Result<> check_kernel_settings(const Pod& pod) {
  const RunOptions& options = pod.options;
  const auto* size = pod_setting<schema::ShmSize>(pod.manifest, schema::IsolatorKind::kShmSize);
  if (size != nullptr && options.share_ipc)
    return fail(ErrorKind::kInvalidInput,
                "--shm-size has no effect on a pod that shares the host's /dev/shm (--ipc=parent)");
  const schema::Sysctls* sysctls = sysctls_of(pod.manifest);
  if (sysctls == nullptr) return {};
  const isolators::OwnNamespaces own{.ipc = !options.share_ipc, .network = !options.network.is_hosts()};
  for (const auto& [name, value] : sysctls->values) TRY_CTX(isolators::check_sysctl(name, own), "--sysctl");
  return {};
}

Result<> write_sysctls(const sys::DirFd& root, const Pod& pod) {
  const schema::Sysctls* sysctls = sysctls_of(pod.manifest);
  if (sysctls == nullptr) return {};
  for (const auto& [name, value] : sysctls->values) {
    const std::string path = TRY(isolators::sysctl_path(name));
    // The host name is set already.
    if (path != kHostname)
      TRY_CTX(write_sysctl(root, path, value), "--sysctl: setting '{}'", printable(name));
  }
  return {};
}

std::uint64_t shm_size(const Pod& pod) {
  const auto* size = pod_setting<schema::ShmSize>(pod.manifest, schema::IsolatorKind::kShmSize);
  return size == nullptr ? kDefaultShmSize : size->bytes;
}

}  // namespace agena::stage1
