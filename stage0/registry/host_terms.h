// On which terms servers are spoken to while one registry is used. Internal to stage0/registry.
#pragma once

#include "stage0/config/registries_conf.h"
#include "stage0/http/url.h"
#include "stage0/registry/registry.h"

namespace agena::stage0 {

// What the user waives for this command.
struct RegistryWaivers {
  bool tls = false;   // certificates are not checked
  bool http = false;  // plain http will do, for credentials too
};

struct HostTerms {
  bool plain_waived = false;  // the user wants plain http to do
  bool allow_plain = false;   // that, or nobody can listen
  bool verify = true;         // certificates are checked
  bool operator==(const HostTerms&) const = default;
};

// For the server of a URL that using the endpoint has led to. The endpoint's own server is as secure as the
// endpoint is marked; others (token servers, targets of redirects) only as they are marked themselves. Plain
// http on the loopback is for registries that are there too: a remote one must not make us talk to what
// listens on this host.
HostTerms terms_of(const Url& url, const RegistryEndpoint& endpoint, const RegistriesConf& registries,
                   const RegistryWaivers& waivers);

// "[::1]:5000" and "localhost:5000" without the port.
std::string_view host_without_port(std::string_view host);

}  // namespace agena::stage0
