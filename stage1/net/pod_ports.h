// The forwarded ports of a running pod: those that it has had from its beginning, and those that come and go
// with apps. Holds them on the host and keeps the pod's rules in step.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "manifests/schema/port_map.h"
#include "stage1/net/held_ports.h"
#include "stage1/net/pod_rules.h"

namespace agena::stage1 {

class PodPorts {
 public:
  explicit PodPorts(const Uuid& pod) : rules_(pod) {}

  // Takes ports for an app, or for the pod itself (an empty name). With rules in place, they are in effect on
  // return. All, or none: an error if a port overlaps one that the pod has, or somebody else on the host has
  // it.
  Result<> add(const std::string& app, std::vector<schema::PortMapping> ports);
  // Gives up those of an app; none is no error. Nothing is forwarded to the app any more, also if the rules
  // cannot be written for now: then they are tried again with the next change.
  Result<> remove(const std::string& app);

  // Puts the rules in place: the pod's addresses that the host stands in for, and where ports lead. To be
  // called in the host's network namespace, before anything listens in the pod. Without ports and addresses
  // there are none. `plugins_forward`: a plugin of a network does the forwarding of the ports that the pod
  // has now; ports that come later are ours.
  Result<> begin(std::vector<IpPrefix> masquerade, ForwardTarget target, bool plugins_forward = false);
  // Removes the rules and frees the ports.
  Result<> end();

  // All of the pod's mappings.
  std::vector<schema::PortMapping> mappings() const;

 private:
  struct Own {
    std::vector<schema::PortMapping> ports;
    HeldPorts held;
    bool by_plugin = false;
  };
  Result<> write();
  // The flows to ports that are the pod's no more.
  void forget(std::span<const schema::PortMapping> ports) const;

  std::map<std::string, Own> ports_;  // by app
  bool active_ = false;
  bool routed_ = false;  // connections from 127.0.0.0/8 were let in; that stays for the pod's life
  InstalledRules rules_;
  std::vector<IpPrefix> masquerade_;
  ForwardTarget target_;
};

}  // namespace agena::stage1
