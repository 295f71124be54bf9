// From isolators to the confinement part of a plan.
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "manifests/isolators/isolators.h"
#include "stage1/plan/confinement.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

schema::App app_with(std::initializer_list<const char*> isolators) {
  schema::App app;
  for (const char* text : isolators) {
    auto isolator = isolators::parse_isolator(text);
    EXPECT_TRUE(isolator.has_value()) << text;
    app.isolators.push_back(*std::move(isolator));
  }
  return app;
}

constexpr const char* kSelinux =
    R"({"name":"os/linux/selinux-context","value":{"user":"u","role":"r","type":"t","level":"s0:c1"}})";
constexpr const char* kApparmor = R"({"name":"os/linux/apparmor-profile","value":"profile"})";
constexpr const char* kRetainAll =
    R"({"name":"os/linux/seccomp-retain-set","value":{"set":["@appc.io/all"]}})";
constexpr const char* kRemoveWithin = R"({"name":"agena/seccomp-remove-set","value":{"set":["swapon"]}})";
constexpr const char* kRetainAllWithin =
    R"({"name":"agena/seccomp-retain-set","value":{"set":["@appc.io/all"]}})";
constexpr const char* kRemove = R"({"name":"os/linux/seccomp-remove-set","value":{"set":["swapon"]}})";

std::string error_of(const schema::App& app, const Restrictions& restrictions = {}) {
  stage2::LaunchPlan plan;
  const auto done = confine(app, restrictions, plan);
  return done ? "" : done.error().to_string();
}

stage2::LaunchPlan confined(const schema::App& app, const Restrictions& restrictions = {}) {
  stage2::LaunchPlan plan;
  EXPECT_TRUE(test::ok(confine(app, restrictions, plan)));
  return plan;
}

TEST(Confinement, Default) {
  const stage2::LaunchPlan plan = confined({});
  ASSERT_TRUE(plan.bounding_set.has_value());
  EXPECT_EQ(plan.bounding_set->names().size(), 14U);
  EXPECT_FALSE(plan.no_new_privileges);
  EXPECT_TRUE(plan.private_processes);
  EXPECT_FALSE(plan.seccomp_filter.empty());
}

TEST(Confinement, Waived) {
  const stage2::LaunchPlan plan = confined(app_with({kSelinux, kApparmor}),
                                           {.capabilities = false, .calls = false, .security_labels = false});
  EXPECT_EQ(plan, stage2::LaunchPlan());
}

TEST(Confinement, WhoMayTraceOrMountIsInNoDomain) {
  for (const char* name : {"CAP_SYS_PTRACE", "CAP_SYS_ADMIN"}) {
    const std::string retain =
        R"({"name":"os/linux/capabilities-retain-set","value":{"set":[")" + std::string(name) + "\"]}}";
    EXPECT_FALSE(confined(app_with({retain.c_str()})).private_processes) << name;
  }
}

TEST(Confinement, Seccomp) {
  EXPECT_EQ(confined(app_with({kRetainAll})).seccomp_filter, "");
  EXPECT_NE(confined(app_with({kRemove})).seccomp_filter, confined({}).seccomp_filter);
  EXPECT_EQ(error_of(app_with({kRemove, kRetainAll})),
            "isolators os/linux/seccomp-retain-set and -remove-set exclude each other, and are there once");
  EXPECT_EQ(error_of(app_with({kRemove, kRemove})),
            "isolators os/linux/seccomp-retain-set and -remove-set exclude each other, and are there once");
  EXPECT_EQ(error_of(app_with({R"({"name":"os/linux/seccomp-remove-set","value":{"set":["opne"]}})"})),
            "isolator os/linux/seccomp-remove-set: unknown system call 'opne'");
}

TEST(Confinement, SeccompWithinTheDefault) {
  const std::string filter = confined(app_with({kRemoveWithin})).seccomp_filter;
  EXPECT_NE(filter, "");
  EXPECT_NE(filter, confined(app_with({kRemove})).seccomp_filter);
  EXPECT_EQ(confined(app_with({kRetainAllWithin})).seccomp_filter, confined({}).seccomp_filter);
  EXPECT_EQ(error_of(app_with({kRemove, kRemoveWithin})),
            "isolators os/linux/seccomp-retain-set and -remove-set exclude each other, and are there once");
}

TEST(SecurityModules, AreFoundByTheirFiles) {
  const test::TempDir dir;
  const auto active = [&] {
    const SecurityModules modules = active_security_modules(dir.dir());
    return std::pair(modules.selinux, modules.apparmor);
  };
  EXPECT_EQ(active(), std::pair(false, false));
  ASSERT_TRUE(test::ok(sys::make_dirs(dir.dir(), "sys/module/apparmor/parameters")));
  ASSERT_TRUE(test::ok(sys::make_dirs(dir.dir(), "proc")));
  ASSERT_TRUE(test::ok(sys::write_file(dir.dir(), "sys/module/apparmor/parameters/enabled", "N\n")));
  ASSERT_TRUE(test::ok(sys::write_file(dir.dir(), "proc/filesystems", "nodev\tsysfs\n\text4\n")));
  EXPECT_EQ(active(), std::pair(false, false));
  ASSERT_TRUE(test::ok(sys::write_file(dir.dir(), "sys/module/apparmor/parameters/enabled", "Y\n")));
  ASSERT_TRUE(test::ok(sys::write_file(dir.dir(), "proc/filesystems", "nodev\tselinuxfs\n")));
  EXPECT_EQ(active(), std::pair(true, true));
}

TEST(SecurityModules, GiveLabelsOrSayWhyNot) {
  const schema::App app = app_with({kSelinux, kApparmor});
  stage2::LaunchPlan plan;
  ASSERT_TRUE(test::ok(add_security_labels(app, {.selinux = true, .apparmor = true}, plan)));
  EXPECT_EQ(plan.selinux_context, "u:r:t:s0:c1");
  EXPECT_EQ(plan.apparmor_profile, "profile");
  EXPECT_EQ(add_security_labels(app, {.apparmor = true}, plan).error().to_string(),
            "isolator os/linux/selinux-context cannot be enforced: SELinux is not active on this host "
            "(--insecure-options=lsm runs the app without it)");
  EXPECT_EQ(add_security_labels(app, {.selinux = true}, plan).error().to_string(),
            "isolator os/linux/apparmor-profile cannot be enforced: AppArmor is not active on this host "
            "(--insecure-options=lsm runs the app without it)");
}

}  // namespace
}  // namespace agena::stage1
