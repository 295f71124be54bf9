#include "stage1/net/stand_in.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <utility>

#include "common/sys/namespaces.h"
#include "common/sys/rtnetlink.h"
#include "common/sys/side_thread.h"

namespace agena::stage1 {
namespace {

constexpr const char* kPeer = "agena-peer";

Result<> furnish(const std::string& interface, const std::vector<IpPrefix>& addresses) {
  auto netlink = TRY(sys::RouteNetlink::open());
  TRY(netlink.add_veth({.name = interface}, {.name = kPeer}));
  const int index = TRY(netlink.index_of(interface));
  // Up, for tuning and others that set an interface's properties back.
  TRY(netlink.set_up(index));
  for (const IpPrefix& address : addresses) {
    const auto added = netlink.add_address(index, address, false);
    // The same address twice.
    if (!added && added.error().kind() != ErrorKind::kAlreadyExists) return added;
  }
  return {};
}

}  // namespace

Result<StandIn> StandIn::make(const std::string& interface, const std::vector<IpPrefix>& addresses) {
  sys::UniqueFd name_space;
  TRY_CTX(sys::run_in_side_thread([&]() -> Result<> {
            TRY(sys::unshare_namespaces(CLONE_NEWNET));
            name_space = TRY(sys::open_at(sys::at_cwd(), "/proc/thread-self/ns/net", O_RDONLY));
            return furnish(interface, addresses);
          }),
          "making a network namespace in place of the pod's");
  return StandIn(std::move(name_space));
}

std::string StandIn::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), name_space_.get()); }

}  // namespace agena::stage1
