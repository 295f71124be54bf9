#include "stage0/pod/shared_volumes.h"

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// The mount that a descriptor is on, by its number in /proc/self/mountinfo.
Result<std::string> mount_id(const sys::UniqueFd& fd) {
  const std::string info = TRY(sys::read_file(sys::at_cwd(), fmt::format("/proc/self/fdinfo/{}", fd.get())));
  for (const std::string& line : split(info, '\n')) {
    const Cut pair = cut(line, ':');
    if (pair.before == "mnt_id") return std::string(trim(pair.after));
  }
  return fail(ErrorKind::kUnsupported, "the kernel does not tell which mount it is on");
}

// proc(5), mountinfo: the optional fields, "shared:N" among them, stand before a lone dash.
Result<bool> is_shared(const sys::UniqueFd& fd) {
  const std::string id = TRY(mount_id(fd)) + " ";
  const std::string mounts = TRY(sys::read_file(sys::at_cwd(), "/proc/self/mountinfo"));
  for (const std::string& line : split(mounts, '\n'))
    if (line.starts_with(id)) return line.substr(0, line.find(" - ")).contains(" shared:");
  return false;
}

Result<SharedVolume> open_volume(const std::string& name, const std::string& source, bool recursive) {
  const auto fd = TRY(sys::open_at(sys::at_cwd(), source, O_PATH));
  if (!TRY(is_shared(fd))) {
    Error error(ErrorKind::kInvalidInput,
                fmt::format("'{}' is not on a shared mount of the host", printable(source)));
    return std::unexpected(std::move(error).with_hint("make it one: mount --make-shared"));
  }
  return SharedVolume{name, TRY(sys::clone_mount(sys::DirRef(fd.get()), "", recursive))};
}

}  // namespace

Result<std::vector<SharedVolume>> open_shared_volumes(const PrepareRequest& request) {
  if (!request.pod_manifest.empty()) {
    const std::string text = TRY_CTX(sys::read_file(sys::at_cwd(), request.pod_manifest), "--pod-manifest");
    return open_shared_volumes(
        TRY_CTX(codec::parse_pod_manifest(text), "file '{}'", printable(request.pod_manifest)));
  }
  std::vector<SharedVolume> volumes;
  for (const VolumeRequest& volume : request.volumes)
    if (volume.propagation == schema::Propagation::kShared)
      volumes.push_back(TRY_CTX(open_volume(volume.name, volume.source, volume.recursive.value_or(true)),
                                "volume '{}'", volume.name));
  return volumes;
}

Result<std::vector<SharedVolume>> open_shared_volumes(const schema::PodManifest& manifest) {
  std::vector<SharedVolume> volumes;
  for (const schema::Volume& volume : manifest.volumes)
    if (volume.propagation == schema::Propagation::kShared)
      volumes.push_back(
          TRY_CTX(open_volume(volume.name.str(), volume.source, volume.recursive.value_or(true)),
                  "volume '{}'", volume.name.str()));
  return volumes;
}

Result<> attach_shared_volumes(const sys::DirFd& pod, const std::vector<SharedVolume>& volumes) {
  for (const SharedVolume& volume : volumes) {
    const std::string path = std::string(paths::kSharedMounts) + "/" + volume.name;
    struct stat st{};
    if (::fstat(volume.mount.get(), &st) != 0) return sys_fail("volume '{}'", volume.name);
    TRY(sys::make_dir(pod, paths::kSharedMounts));
    if (S_ISDIR(st.st_mode))
      TRY(sys::make_dir(pod, path));
    else
      TRY(sys::write_file(pod, path, ""));
    TRY_CTX(sys::attach_mount(volume.mount, TRY(sys::open_at(pod, path, O_PATH))), "volume '{}'",
            volume.name);
  }
  return {};
}

}  // namespace agena::stage0
