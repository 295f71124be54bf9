#include "stage0/registry/host_terms.h"

#include "common/base/strings.h"

namespace agena::stage0 {

std::string_view host_without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  return colon == std::string_view::npos || host.ends_with(']') ? host : host.substr(0, colon);
}

HostTerms terms_of(const Url& url, const RegistryEndpoint& endpoint, const RegistriesConf& registries,
                   const RegistryWaivers& waivers) {
  const std::string with_port = url.host() + ":" + url.port();
  const std::string own = to_lower(endpoint.host);
  const bool default_port = url.port() == (url.is_tls() ? "443" : "80");
  const bool is_own = own == url.authority() || own == with_port || (default_port && own == url.host());
  const bool marked = is_own ? endpoint.insecure
                             : registries.is_insecure(url.authority()) || registries.is_insecure(with_port);
  HostTerms terms;
  terms.plain_waived = marked || waivers.http;
  terms.allow_plain = terms.plain_waived || (url.is_loopback() && is_loopback_host(host_without_port(own)));
  terms.verify = !marked && !waivers.tls;
  return terms;
}

}  // namespace agena::stage0
