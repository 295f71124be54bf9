// Readers and writers of isolator values, one pair per shape; the table in isolators.cc says which isolator
// uses which. A reader complains at its node and returns nullopt; a writer returns null for a value of
// another shape. Internal to the isolators.
#pragma once

#include <optional>

#include "common/base/json_node.h"
#include "manifests/schema/isolator.h"

namespace agena::isolators {

using schema::IsolatorValue;

// {"request": Q, "limit": Q, "default": false}: limits of the app alone.
std::optional<IsolatorValue> read_resource(const JsonNode& node);
// {"limit": Q, "default": true}: limits for each device or interface, without requests.
std::optional<IsolatorValue> read_default_resource(const JsonNode& node);
json_text::Json write_resource(const IsolatorValue& value);

// {"set": ["CAP_…", …]}
std::optional<IsolatorValue> read_capabilities(const JsonNode& node);
json_text::Json write_capabilities(const IsolatorValue& value);

// {"set": ["read", "@group", …], "errno": "EPERM"}
std::optional<IsolatorValue> read_seccomp(const JsonNode& node);
json_text::Json write_seccomp(const IsolatorValue& value);

// true or false
std::optional<IsolatorValue> read_no_new_privileges(const JsonNode& node);
json_text::Json write_no_new_privileges(const IsolatorValue& value);

// 2 to 262144
std::optional<IsolatorValue> read_cpu_shares(const JsonNode& node);
json_text::Json write_cpu_shares(const IsolatorValue& value);

// -1000 to 1000
std::optional<IsolatorValue> read_oom_score_adj(const JsonNode& node);
json_text::Json write_oom_score_adj(const IsolatorValue& value);

// {"user": …, "role": …, "type": …, "level": …}
std::optional<IsolatorValue> read_selinux(const JsonNode& node);
json_text::Json write_selinux(const IsolatorValue& value);

// "profile" or {"profile": "…"}
std::optional<IsolatorValue> read_apparmor(const JsonNode& node);
json_text::Json write_apparmor(const IsolatorValue& value);

// [{"device": "/dev/sda", "readBps": N, "writeBps": N, "readIops": N, "writeIops": N}, …]
std::optional<IsolatorValue> read_block_io(const JsonNode& node);
json_text::Json write_block_io(const IsolatorValue& value);

// 1 to 4194304 (the kernel's PID_MAX_LIMIT)
std::optional<IsolatorValue> read_pids_limit(const JsonNode& node);
json_text::Json write_pids_limit(const IsolatorValue& value);

// [{"name": "nofile", "soft": 1024, "hard": "unlimited"}, …]
std::optional<IsolatorValue> read_rlimits(const JsonNode& node);
json_text::Json write_rlimits(const IsolatorValue& value);

// [{"path": "/run", "size": 65536, "mode": "1777", "uid": 0, "gid": 0, "exec": false, "suid": false}, …]; all
// but the path may be left out
std::optional<IsolatorValue> read_tmpfs(const JsonNode& node);
json_text::Json write_tmpfs(const IsolatorValue& value);

// A number of bytes
std::optional<IsolatorValue> read_shm_size(const JsonNode& node);
json_text::Json write_shm_size(const IsolatorValue& value);

// {"net.core.somaxconn": "1024", …}
std::optional<IsolatorValue> read_sysctls(const JsonNode& node);
json_text::Json write_sysctls(const IsolatorValue& value);

}  // namespace agena::isolators
