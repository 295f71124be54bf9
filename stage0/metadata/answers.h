// What the metadata service answers: no sockets here, only requests and answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "stage0/metadata/pod_registry.h"

namespace agena::stage0 {

// Who asks the public service must say so with this header, which a browser that was led here cannot.
inline constexpr const char* kFlavorHeader = "Metadata-Flavor";
inline constexpr const char* kFlavor = "AppContainer";
// By which the registration socket tells the port of the public service.
inline constexpr const char* kPortHeader = "Agena-Metadata-Port";

struct MetadataRequest {
  std::string method;
  std::string path;          // as it came, percent-encoded
  std::string query;         // without '?', as it came
  std::string flavor;        // value of kFlavorHeader
  std::string content_type;  // of the body
  std::string body;
  std::optional<IpAddress> source;  // of a peer by TCP
};

struct MetadataAnswer {
  int status = 200;
  std::string type = "text/plain; charset=us-ascii";
  std::string body = {};
  std::uint16_t port = 0;  // not 0: goes into kPortHeader
};

// A request to the public service: 404 for what there is not, 401 for a token that is not known or not the
// asker's.
MetadataAnswer answer_metadata(const PodRegistry& pods, const MetadataRequest& request);

// Of a request whose headers are there and whose body is still to come: the refusal, if answer_metadata would
// refuse it whatever the body is, or if nobody reads that body.
std::optional<MetadataAnswer> refuse_metadata_body(const PodRegistry& pods, const MetadataRequest& request);

// A request to the registration socket; `port` is the public service's.
MetadataAnswer answer_registration(PodRegistry& pods, const MetadataRequest& request, std::uint16_t port);

// Whether a pod's token may be used from an address: by the pod's net-info.json where that decides, and only
// while it runs.
bool may_use_token(const RegisteredPod& pod, const IpAddress& source);

}  // namespace agena::stage0
