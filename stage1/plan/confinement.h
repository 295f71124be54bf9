// From an app's isolators to the confinement part of its launch plans: capabilities, no-new-privileges,
// system call filter, labels of security modules.
#pragma once

#include "common/base/result.h"
#include "common/stage2/launch_plan.h"
#include "common/sys/fd.h"
#include "manifests/schema/app.h"

namespace agena::stage1 {

// What the caller waived; by default nothing.
struct Restrictions {
  bool capabilities = true;     // bounding set
  bool calls = true;            // system call filter
  bool security_labels = true;  // an active SELinux or AppArmor, if an isolator asks for it
};

// Capabilities that an app can have at most: rkt's 14, changed by its isolators (retain: exactly the set;
// remove: the default without it). Both kinds together, or one twice, are an error.
Result<sys::CapabilitySet> bounding_set(const schema::App& app);

// Security modules that are active on this host and take labels for programs.
struct SecurityModules {
  bool selinux = false;
  bool apparmor = false;
};
// By the files of /proc and /sys below a root directory.
SecurityModules active_security_modules(sys::DirRef root);

// Which labels an app's isolators ask for; an error that names the flag if no module here can give one.
Result<> add_security_labels(const schema::App& app, const SecurityModules& modules,
                             stage2::LaunchPlan& plan);

// All of it into a plan of the app.
Result<> confine(const schema::App& app, const Restrictions& restrictions, stage2::LaunchPlan& plan);

}  // namespace agena::stage1
