// certs.d of containers-common and docker: DIR/HOST[:PORT]/ holds the certificates of authorities (*.crt) and
// one of ours (*.cert with *.key).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/http/http.h"

namespace agena::stage0 {

// What the directories have for a server; nullopt if nothing. Those that come first win. kInvalidInput: a
// certificate without its key, or the other way round.
Result<std::optional<TlsSettings>> read_certificates(const std::vector<std::string>& directories,
                                                     const std::string& host);

}  // namespace agena::stage0
