// What is on record of a pod's networks, in its directory:
//
//   net/NN-NAME.json   one for each network that is being made or is there, by its place in the row of
//                      interfaces; written before the first change, with the result after the last, removed
//                      when nothing is left of the network
//   net-info.json      for readers (rkt's format and more), written when all networks are there
//
// A record has all that tear-down needs: the configuration files may have changed since.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/net/attachment.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

struct NetRecord {
  Attachment attachment;
  bool built_in = false;            // made by us and not by plugins
  std::optional<CniResult> result;  // absent: it was being made
};

// Writes one, replacing it if it is there; `index` is its place in the row.
Result<> write_net_record(const sys::DirFd& pod_dir, std::size_t index, const NetRecord& record);
Result<> remove_net_record(const sys::DirFd& pod_dir, std::size_t index, const NetRecord& record);

struct StoredRecord {
  std::size_t index = 0;
  NetRecord record;
};
struct StoredRecords {
  std::vector<StoredRecord> records;  // by their places
  // Files that are no records: what was written last before a crash of the machine may be empty. Paths in the
  // pod directory.
  std::vector<std::string> broken;
};
Result<StoredRecords> read_net_records(const sys::DirFd& pod_dir);

// Text of net-info.json.
Result<std::string> render_net_info(std::span<const NetRecord> records);

}  // namespace agena::stage1
