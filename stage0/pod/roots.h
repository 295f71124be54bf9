// The roots of a pod: of stage1, and of each app below it. Made ready when the pod is prepared, mounted when
// it runs. As overlays (`overlay-prepared`) or as copies.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/layer_key.h"
#include "stage0/store/store.h"
#include "stage0/tree/mapped_layers.h"

namespace agena::stage0 {

// What one root is made of.
struct RootSource {
  std::vector<LayerKey> layers;  // bottom first
  std::string chain_id;
  std::string manifest;  // JSON of the image manifest
};

struct AppSource {
  std::string name;
  RootSource root;
};

struct PodSources {
  RootSource stage1;
  std::vector<AppSource> apps;
};

// Every layer that the pod's roots are made of, each once.
std::vector<LayerKey> all_layers(const PodSources& sources);

// Writes manifests and tree identities of all images (stage1/, appsinfo/) and makes the roots: upper and work
// directories with the mount points below, or merged copies.
// With `users` everything belongs to that pod's ids; without it is as in the image.
Result<> prepare_overlay_roots(const Store& store, const sys::DirFd& pod, const PodSources& sources,
                               const PodUsers* users);
Result<> prepare_copied_roots(const Store& store, const sys::DirFd& pod, const PodSources& sources,
                              const PodUsers* users);

// The same for one app of a pod that has its stage1 root: facts (appsinfo/) and its own directories. A copied
// root is made in the directory of the app's root below the stage1 root, which must be there.
Result<> prepare_app_overlay(const Store& store, const sys::DirFd& pod, const AppSource& app,
                             const PodUsers* users);
Result<> prepare_app_copy(const Store& store, const sys::DirFd& pod, const AppSource& app,
                          const PodUsers* users);
// The place of an app's root below the stage1 root, and the copy of its image manifest. The calling thread's
// files must belong to whom the place shall.
Result<> make_app_place(const sys::DirFd& stage1_root, const AppSource& app);

// The root of an app as a detached mount. kUnsupported (errno 0) where the kernel can only mount it
// somewhere: then mount_app_root() does. `pod` and `store` must have been opened in this mount namespace.
Result<sys::UniqueFd> make_app_root(const Store& store, const sys::DirFd& pod, const std::string& app,
                                    const std::string& selinux_context, const PodUsers* users);
Result<> mount_app_root(const Store& store, const sys::DirFd& pod, const std::string& app,
                        const std::string& selinux_context, const PodUsers* users, const sys::DirFd& target);

// Mounts the roots of a prepared pod in the mount namespace of this process (nothing to do for copies).
// `pod` and `store` must have been opened in that namespace.
Result<> mount_roots(const Store& store, const sys::DirFd& pod, const std::vector<std::string>& apps,
                     const std::string& selinux_context, const PodUsers* users);

// Gives apps the /etc/mtab that programs expect: a symlink to ../proc/self/mounts, where there is an /etc
// without one (rkt's rule).
Result<> link_mtab(const sys::DirFd& stage1_root, const std::vector<std::string>& apps);
// The same for one app, by its root.
Result<> link_mtab_in(sys::DirRef app_root);

}  // namespace agena::stage0
