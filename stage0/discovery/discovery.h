// appc image discovery (appc 0.8.11, discovery.md): the page at the image's name, or at the nearest parent of
// it that has one, says where the image and the keys for it are. How pages are got is the caller's affair.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

// A page that was answered with status 200.
struct DiscoveryPage {
  std::string body;
  bool secure = false;  // it came over TLS all the way
};
using PageGetter = std::function<Result<DiscoveryPage>(const std::string& url)>;

// What is looked for.
struct DiscoveryQuery {
  std::string name;  // of the image, without version and labels
  // Values for templates: "version", "os", "arch" and other labels.
  std::map<std::string, std::string> labels = {};
  // Pages over plain http are asked for where https has failed, and URLs of plain http are taken.
  bool plain_http = false;
};

// Where an image is.
struct ImageEndpoint {
  std::string aci;
  std::string signature;
};

// Where the signature of the ACI at a URL is if nothing else is known: ".asc" behind the path.
std::string signature_beside(const std::string& aci);

// Pages are looked for at the whole name and then at its parents; the first one with an endpoint for the name
// counts, and of it the first endpoint. kNotFound tells of all places and what was wrong with each.
Result<ImageEndpoint> discover_image(const DiscoveryQuery& query, const PageGetter& get_page);

// Where keys for images of a name (or prefix of names) are: the URLs that a page gives.
struct KeyEndpoints {
  bool secure = false;            // the page came over TLS all the way
  std::vector<std::string> urls;  // of files of keys
};
Result<KeyEndpoints> discover_keys(const std::string& name, bool plain_http, const PageGetter& get_page);

}  // namespace agena::stage0
