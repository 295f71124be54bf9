#include "stage0/cli/global_options.h"

#include <stdlib.h>

#include <array>
#include <filesystem>
#include <memory>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/key_review.h"

namespace agena::stage0 {
namespace {

// The stage1 image that pods get unless they ask for another, and the directory of such images below the
// installation's prefix (cmake/Stage1Image.cmake puts them there).
constexpr const char* kStage1File = "stage1-systemd.aci";
constexpr const char* kStage1Images = "/lib/agena/stage1-images";

struct GlobalRow {
  Option option;
  Result<> (*set)(GlobalFlags& flags, std::string_view value);
};

Result<std::string> directory_value(std::string_view value) {
  if (value.empty()) return fail(ErrorKind::kInvalidInput, "a directory cannot be empty");
  return std::string(value);
}

Result<> refuse(GlobalFlags& /*flags*/, std::string_view /*value*/) {
  return fail(ErrorKind::kUnsupported, "this flag is not supported by this build");
}

constexpr std::array kRows = {
    GlobalRow{{.name = "debug", .help = "say more on stderr, errors as a tree, times of the phases"},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.debug = TRY(parse_bool(value));
                return {};
              }},
    GlobalRow{{.name = "dir",
               .value_name = "DIR",
               .initial = "{data-dir}",
               .arity = OptionArity::kValue,
               .help = "data directory: images and pods",
               .completes = Completes::kDirectory},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.dir = TRY(directory_value(value));
                return {};
              }},
    GlobalRow{{.name = "help", .short_name = 'h', .help = "show help and do nothing else"},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.help = TRY(parse_bool(value));
                return {};
              }},
    GlobalRow{
        {.name = "insecure-options",
         .value_name = "LIST",
         .initial = "none",
         .arity = OptionArity::kValue,
         .help = "security features to do without: image, tls, http, pubkey, capabilities, paths, seccomp, "
                 "limits and lsm (those that the host cannot enforce), image-isolators (that images only "
                 "narrow what apps get), or the groups all-fetch, all-run, all, none",
         .repeatable = true},
        [](GlobalFlags& flags, std::string_view value) {
          return add_insecure_options(flags.insecure, value);
        }},
    GlobalRow{{.name = "local-config",
               .value_name = "DIR",
               .initial = "{local-config}",
               .arity = OptionArity::kValue,
               .help = "configuration of the administrator",
               .completes = Completes::kDirectory},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.local_config = TRY(directory_value(value));
                return {};
              }},
    GlobalRow{{.name = "system-config",
               .value_name = "DIR",
               .initial = "{system-config}",
               .arity = OptionArity::kValue,
               .help = "configuration of the distribution",
               .completes = Completes::kDirectory},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.system_config = TRY(directory_value(value));
                return {};
              }},
    GlobalRow{
        {.name = "trust-keys-from-https", .help = "accept keys found by discovery over https without asking"},
        [](GlobalFlags& flags, std::string_view value) -> Result<> {
          flags.trust_keys_from_https = TRY(parse_bool(value));
          return {};
        }},
    GlobalRow{{.name = "user-config",
               .value_name = "DIR",
               .arity = OptionArity::kValue,
               .help = "configuration of the user, wins over the others",
               .completes = Completes::kDirectory},
              [](GlobalFlags& flags, std::string_view value) -> Result<> {
                flags.user_config = value;
                return {};
              }},
    GlobalRow{{.name = "cpuprofile", .value_name = "FILE", .arity = OptionArity::kValue, .hidden = true},
              refuse},
    GlobalRow{{.name = "memprofile", .value_name = "FILE", .arity = OptionArity::kValue, .hidden = true},
              refuse},
};
constexpr auto kOptions = options_of(kRows);

// realpath(3) of the longest part that exists, the rest behind it.
Result<std::string> resolved(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::weakly_canonical(path, error);
  if (error) return errno_fail(error.value(), "resolving directory '{}'", path);
  return result.string();
}

Result<std::string> absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error);
  if (error) return errno_fail(error.value(), "resolving directory '{}'", path);
  return result.lexically_normal().string();
}

Result<std::string> directory_of_program() {
  const std::string program = TRY(sys::read_link(sys::at_cwd(), "/proc/self/exe"));
  return program.substr(0, program.rfind('/'));
}

// Fills in the paths that were not configured. Installations can be moved, so the images are looked for in
// PREFIX/lib, PREFIX/bin being where the program is.
Result<> fill_paths(const GlobalFlags& flags, const Personality& personality, const std::string& program_dir,
                    Config& config) {
  config.paths.data = TRY(data_directory(flags, personality, config));
  if (!config.paths.stage1_images.empty()) return {};
  config.paths.stage1_images = program_dir.substr(0, program_dir.rfind('/')) + kStage1Images;
  return {};
}

}  // namespace

OptionList global_options() { return kOptions; }

std::string metadata_socket(const Personality& personality) {
  return std::string(personality.run_dir) + "/metadata-svc.sock";
}

Result<GlobalFlags> read_global_flags(std::span<const OptionUse> uses) {
  GlobalFlags flags;
  for (const OptionUse& use : uses) TRY(apply_option(kRows, use, flags));
  return flags;
}

Result<std::vector<std::string>> config_directories(const GlobalFlags& flags,
                                                    const Personality& personality) {
  std::vector<std::string> directories = {
      flags.system_config.value_or(std::string(personality.system_config_dir)),
      flags.local_config.value_or(std::string(personality.local_config_dir)), flags.user_config};
  for (std::string& directory : directories)
    if (!directory.empty()) directory = TRY(absolute(directory));
  return directories;
}

Result<std::string> data_directory(const GlobalFlags& flags, const Personality& personality,
                                   const Config& config) {
  if (flags.dir) return resolved(TRY(absolute(*flags.dir)));
  return resolved(config.paths.data.empty() ? std::string(personality.data_dir) : config.paths.data);
}

Result<Config> effective_config(const GlobalFlags& flags, const Personality& personality) {
  Config config = TRY(load_config(TRY(config_directories(flags, personality)), kAllParts));
  TRY(fill_paths(flags, personality, TRY(directory_of_program()), config));
  if (config.stage1 == Stage1Config())
    config.stage1.location = config.paths.stage1_images + "/" + kStage1File;
  return config;
}

Result<Engine> make_engine(const GlobalFlags& flags, const Personality& personality, Nanoseconds start) {
  const auto directories = TRY(config_directories(flags, personality));
  Config config = TRY(load_config(directories, kPodParts));
  const std::string program_dir = TRY(directory_of_program());
  TRY(fill_paths(flags, personality, program_dir, config));
  Engine engine;
  engine.data_dir = std::move(config.paths.data);
  engine.personality = personality.name;
  engine.local_config_dir = directories[1];
  engine.group = personality.group;
  engine.metadata_socket = metadata_socket(personality);
  engine.stage1 = {.name = std::move(config.stage1.name),
                   .version = std::move(config.stage1.version),
                   .location = std::move(config.stage1.location),
                   .images_dir = std::move(config.paths.stage1_images),
                   .program_dir = program_dir,
                   .file = kStage1File};
  engine.fetch = {.config_directories = directories,
                  .trusted_directories = {engine.stage1.images_dir, program_dir},
                  .review_key = review_on_terminal({.trust_https = flags.trust_keys_from_https}),
                  .local_signatures = personality.local_signatures};
  engine.debug = flags.debug;
  engine.start = start;
  return engine;
}

}  // namespace agena::stage0
