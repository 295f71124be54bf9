// The networks of a pod from their choice to their end. What was done is recorded in the pod directory before
// it is done (net_record.h), so that it can be undone by whoever comes later.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/fd.h"
#include "stage1/net/attachment.h"
#include "stage1/net/network_choice.h"
#include "stage1/net/network_facts.h"
#include "stage1/net/plugin_cgroup.h"
#include "stage1/net/pod_ports.h"

namespace agena::stage1 {

// Where things are. The pod directory outlives the networks.
struct NetworkPlace {
  const sys::DirFd& pod_dir;
  const sys::DirFd& root;    // stage1's: its own networks are in etc/rkt/net.d
  std::string local_config;  // the user's are in net.d there; empty: none
  Uuid uuid;
};

// What a pod asks of its networks besides being there.
struct NetworkWishes {
  std::vector<schema::PortMapping> ports = {};
  std::optional<std::uint64_t> bandwidth = {};  // in each direction, bits a second
  CniDns dns = {};                              // what the user says of names
};

class PodNetwork {
 public:
  // Finds the networks that are asked for, and takes the ports of the host; nothing else is made yet.
  static Result<PodNetwork> choose(NetworkPlace place, const NetworkChoice& choice, NetworkWishes wishes);

  // Whatever waits for a plugin ends soon when this descriptor is readable, which is not read.
  void heed(int end_request) { control_.end_request = end_request; }

  // Name of a network that cannot limit the bandwidth; nullopt if all can.
  std::optional<std::string> unlimited_network() const;

  // Makes them in the network namespace of this process, and writes net-info.json; all, or none. The caller
  // is in the host's network namespace.
  Result<NetworkFacts> set_up(pid_t process);
  // Undoes it while the namespace can still be reached. What cannot be undone stays on record.
  Result<> tear_down();

  // Those that are forwarded to the pod; in the host's network nothing is.
  PodPorts& ports() { return ports_; }

 private:
  PodNetwork(NetworkPlace place, std::vector<Attachment> attachments)
      : place_(std::move(place)), attachments_(std::move(attachments)), ports_(place_.uuid) {}

  NetworkPlace place_;
  std::vector<Attachment> attachments_;
  PodPorts ports_;
  PluginControl control_;
  std::unique_ptr<PluginCgroup> plugins_;  // if plugins are called
  sys::UniqueFd name_space_;
};

// Undoes what is on record and has not been undone, last network first; all are tried, and the errors of
// those that fail come together. What plugins still do ends before, and while the pod's rules cannot be
// removed the networks stay on record. For pods whose supervisor is gone; who comes while another does it
// waits for that one, and fails with kBusy after a minute.
Result<> tear_down_networks(const sys::DirFd& pod_dir, const Uuid& uuid, PluginControl control = {});

}  // namespace agena::stage1
