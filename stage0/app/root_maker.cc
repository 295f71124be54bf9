#include "stage0/app/root_maker.h"

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "common/sys/side_thread.h"
#include "stage0/pod/roots.h"

namespace agena::stage0 {

std::string app_directory(const std::string& app) {
  const std::string upper = contract::pod_paths::app_upper(app);
  return upper.substr(0, upper.rfind('/'));
}

Result<sys::UniqueFd> RootMaker::make(const std::string& app) const {
  auto made = make_app_root(store, pod, app, selinux_context, users);
  const bool only_by_mounting =
      !made && made.error().kind() == ErrorKind::kUnsupported && made.error().sys_errno() == 0;
  return only_by_mounting ? make_by_mounting(app) : std::move(made);
}

Result<sys::UniqueFd> RootMaker::make_by_mounting(const std::string& app) const {
  const std::string pod_path = TRY(sys::path_of_fd(pod.get()));
  const std::string place = app_directory(app);
  sys::UniqueFd mount;
  TRY(sys::run_in_side_thread([&]() -> Result<> {
    TRY(sys::enter_private_mount_namespace());
    // Nothing that was opened before is of use here.
    const Store own_store = TRY(Store::open(data_dir, Store::Mode::kReadOnly));
    const sys::DirFd own_pod = TRY(sys::open_dir(pod_path));
    TRY(mount_app_root(own_store, own_pod, app, selinux_context, users, TRY(sys::open_dir(own_pod, place))));
    mount = TRY(sys::clone_mount(own_pod, place, /*recursive=*/false));
    return {};
  }));
  return mount;
}

}  // namespace agena::stage0
