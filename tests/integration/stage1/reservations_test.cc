// Reservations in host-local's usual place, in a file system that only the test sees.
#include "stage1/net/reservations.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {
namespace {

constexpr const char* kPod = "11111111-2222-4333-8444-555555555555";
constexpr const char* kOther = "22222222-2222-4333-8444-555555555555";
constexpr const char* kNetworks = "/var/lib/cni/networks";

Result<> add(const std::string& name, const std::string& text) {
  return sys::write_file(sys::at_cwd(), fmt::format("{}/{}", kNetworks, name), text);
}

Result<> prepare() {
  TRY(sys::enter_private_mount_namespace());
  if (::mount("none", "/var/lib", "tmpfs", 0, nullptr) != 0) return sys_fail("mounting over /var/lib");
  for (const char* network : {"/a", "/b", "/foreign"})
    TRY(sys::make_dirs(sys::at_cwd(), std::string(kNetworks) + network));
  for (const char* network : {"a", "b"}) TRY(add(fmt::format("{}/lock", network), ""));
  TRY(add("a/10.0.0.2", fmt::format("{}\r\neth0", kPod)));
  TRY(add("a/10.0.0.3", fmt::format("{}\r\neth0", kOther)));
  TRY(add("a/last_reserved_ip.0", "10.0.0.3"));
  TRY(add("b/10.1.0.2", kPod));
  return {};
}

std::string left() {
  std::string text;
  for (const char* network : {"a", "b"}) {
    const auto names = sys::list_dir(sys::at_cwd(), fmt::format("{}/{}", kNetworks, network));
    if (!names) return names.error().to_string();
    for (const std::string& name : *names)
      if (IpAddress::parse(name)) text += name + " ";
  }
  return text;
}

TEST(ReservationsOfAll, AreFreedWhateverElseIsThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounts need root";
  sys::Pipe pipe = sys::make_pipe().value();
  auto child = sys::fork_child([&] {
    const auto done = [&]() -> Result<> {
      TRY(prepare());
      // First and last in the list, among the networks and inside one.
      for (const char* name : {"README", "a.txt", "zzz", "a/notes"}) TRY(add(name, "not a network"));
      TRY(free_all_reservations(kPod));
      return {};
    }();
    (void)sys::write_all(pipe.write.get(), done ? left() : done.error().to_string());
    return 0;
  });
  ASSERT_TRUE(child);
  pipe.write.reset();
  EXPECT_EQ(sys::read_all(pipe.read.get()).value(), "10.0.0.3 ");
  EXPECT_TRUE(child->wait().value().success());
}

}  // namespace
}  // namespace agena::stage1
