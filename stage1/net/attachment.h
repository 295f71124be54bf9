// A pod's attachment to one network: the order of a configuration's plugins, what each one gets of it, and
// how it is undone, with the pod's network namespace or without one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage1/net/cni_plugin.h"
#include "stage1/net/cni_result.h"
#include "stage1/net/net_conf.h"

namespace agena::stage1 {

// All that plugins have to be told, at ADD as at DEL.
struct Attachment {
  NetConf conf;
  std::string interface;            // name in the pod
  std::string args;                 // "KEY=VALUE;…", as the user gave them
  std::string container_id;         // the pod's UUID
  std::string runtime_config = {};  // values of all capabilities (capabilities.h); empty: none
  std::vector<std::string> plugin_dirs;
  PluginControl control = {};  // of this process: not on record
};

// Told what there is after each plugin but the last, so that it can be put on record.
using AttachProgress = std::function<Result<>(const CniResult&)>;

// Has the plugins attach the pod, each one told the result of the one before. `netns` is a path of its
// network namespace that other processes can open. When one fails, what it and those before it have done is
// left for detach().
Result<CniResult> attach(const Attachment& attachment, const std::string& netns,
                         const AttachProgress& progress = {});

// Has the plugins undo it, last one first, each with some seconds even if the caller is to end. Every plugin
// is asked, also after a failure; the errors come together. Without a namespace, or when the interface in it
// is not what the plugins have made, they get a stand-in (stand_in.h). Without a result the reservations of
// host-local count. What was never done, or has been undone already, is no error for a plugin that keeps to
// the specification.
Result<> detach(const Attachment& attachment, const std::optional<CniResult>& result,
                const std::optional<std::string>& netns);

// As detach(), after an attach() that has failed; `made` is what it told of its progress. A plugin that
// refuses to undo for the very reason for which it refused to begin (a configuration that it does not take, a
// program that is not there) has made nothing, unless host-local has addresses of the pod on record: that is
// no error then, since it would be one for ever.
Result<> undo_failed(const Attachment& attachment, const Error& failure, const std::optional<CniResult>& made,
                     const std::string& netns);

// Configuration of one plugin as it gets it on stdin: name and version of its network, the values of the
// capabilities that it declares, and the result so far.
Result<std::string> plugin_input(const Attachment& attachment, const PluginConf& plugin,
                                 const std::optional<CniResult>& result);
// CNI_ARGS for plugins: the user's, and unless they say otherwise IgnoreUnknown, since one plugin's argument
// is another one's unknown.
std::string plugin_args(const std::string& users);

}  // namespace agena::stage1
