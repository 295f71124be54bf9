// Whole downloads into partial files, for what must be complete before it is looked at.
#pragma once

#include <cstdint>
#include <functional>

#include "common/base/result.h"
#include "stage0/http/http_client.h"
#include "stage0/store/partials.h"

namespace agena::stage0 {

struct Downloaded {
  int status = 0;  // 200 or 206: the file is complete; 304: nothing was downloaded
  HttpHeaders headers = {};
};

// Bytes that are there, and in all (0: the server does not say).
using DownloadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Gets the rest of what the partial file has the beginning of, if the server still has the same (ETag or
// Last-Modified, which are noted with the file), else all of it. After an error the file stays as it is, for
// the next attempt, unless it cannot be written to. kInvalidInput: more than max_bytes.
Result<Downloaded> download(HttpClient& client, const HttpRequest& request, PartialFile& file,
                            std::uint64_t max_bytes, const DownloadProgress& progress = {});

}  // namespace agena::stage0
