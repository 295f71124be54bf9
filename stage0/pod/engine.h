// What the pod operations have to know about this installation: directories, personality and defaults. Filled
// by a front end from flags and configuration; one value serves any number of operations at once.
#pragma once

#include <functional>
#include <string>

#include "common/base/time.h"
#include "stage0/fetch/fetch_options.h"

namespace agena::stage0 {

struct LayerProgress;  // stage0/image/importer.h

// Where the default stage1 is looked for, in this order: `name:version` in the store (only if both are set),
// `location`, images_dir/file, program_dir/file. Empty members are skipped.
struct Stage1Default {
  std::string name;
  std::string version;
  std::string location;     // absolute path of an ACI
  std::string images_dir;   // also where --stage1-from-dir and --stage1-name look, for example
                            // /usr/lib/agena/stage1-images
  std::string program_dir;  // directory of the running program
  std::string file;         // for example "stage1-systemd.aci"
};

struct Engine {
  std::string data_dir;          // absolute, for example /var/lib/agena
  std::string personality;       // "agena" or "rkt": default host names are PERSONALITY-UUID
  std::string local_config_dir;  // absolute, handed to stage1 as --local-config
  std::string group;             // that a new data directory is given to, if the host has it
  std::string metadata_socket;   // where the metadata service registers pods, /run/agena/metadata-svc.sock
  Stage1Default stage1;
  FetchSettings fetch;  // where images come from, and whom to trust
  bool debug = false;   // handed to stage1 as --debug
  // monotonic_now() at which the command began, for the account of phase times; 0: when the operation began.
  Nanoseconds start = 0;
  // Asked before an app's image is imported (the argument is what the user wrote): who hears how far its
  // layers are, until it is destroyed. Empty: nobody.
  std::function<std::function<void(const LayerProgress&)>(const std::string& image)> watch_import = {};
};

}  // namespace agena::stage0
