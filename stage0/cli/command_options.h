// Flags of commands other than run's family: declared here, known by their address.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"

namespace agena::stage0 {

inline constexpr std::array<std::string_view, 3> kFormats = {"", "json", "json-pretty"};
inline constexpr std::array<std::string_view, 2> kLogFormats = {"", "json"};
inline constexpr std::array<std::string_view, 2> kOrders = {"asc", "desc"};

// Shared by several commands.
inline constexpr Option kUuidFile = {.name = "uuid-file",
                                     .value_name = "PATH",
                                     .arity = OptionArity::kValue,
                                     .help = "read the pod's UUID from a file instead of an argument",
                                     .completes = Completes::kFile};
inline constexpr Option kFormat = {.name = "format",
                                   .value_name = "FORMAT",
                                   .arity = OptionArity::kValue,
                                   .help = "print json, or json-pretty, instead of text",
                                   .choices = kFormats};
inline constexpr Option kNoLegend = {.name = "no-legend",
                                     .help = "leave out the line with the columns' titles"};
inline constexpr Option kFull = {.name = "full", .help = "do not shorten ids, sizes and times"};
inline constexpr Option kPrettyPrint = {.name = "pretty-print", .initial = "true", .help = "indent the JSON"};
inline constexpr Option kQuiet = {.name = "quiet", .help = "print nothing but the result"};

// attach
inline constexpr Option kAttachApp = {.name = "app",
                                      .value_name = "APP",
                                      .arity = OptionArity::kValue,
                                      .help = "app to attach to; needed if the pod has several"};
inline constexpr Option kAttachMode = {
    .name = "mode",
    .value_name = "MODE",
    .initial = "auto",
    .arity = OptionArity::kValue,
    .help =
        "auto: all there is; list: only print what there is; or some of stdin,stdout,stderr, or tty, tty-in, "
        "tty-out"};

// enter
inline constexpr Option kApp = {.name = "app",
                                .value_name = "APP",
                                .arity = OptionArity::kValue,
                                .help = "app to enter; needed if the pod has several"};

// gc
inline constexpr Option kGracePeriod = {.name = "grace-period",
                                        .value_name = "DURATION",
                                        .initial = "30m",
                                        .arity = OptionArity::kValue,
                                        .help = "how long marked pods are kept"};
inline constexpr Option kExpirePrepared = {.name = "expire-prepared",
                                           .value_name = "DURATION",
                                           .initial = "24h",
                                           .arity = OptionArity::kValue,
                                           .help = "how long prepared pods are kept that nobody runs"};
inline constexpr Option kMarkOnly = {.name = "mark-only", .help = "mark ended pods, delete nothing"};

// image list
inline constexpr Option kFields = {
    .name = "fields",
    .value_name = "LIST",
    .initial = "id,name,size,importtime,lastused",
    .arity = OptionArity::kValue,
    .help = "columns to print; further: names, format, digest, unique, shared, layers"};
inline constexpr Option kSort = {.name = "sort",
                                 .value_name = "LIST",
                                 .initial = "importtime",
                                 .arity = OptionArity::kValue,
                                 .help = "columns to sort by: name, importtime, lastused, size"};
inline constexpr Option kOrder = {.name = "order",
                                  .value_name = "ORDER",
                                  .initial = "asc",
                                  .arity = OptionArity::kValue,
                                  .help = "asc or desc",
                                  .choices = kOrders};

// logs
inline constexpr Option kLogApp = {.name = "app",
                                   .value_name = "APP",
                                   .arity = OptionArity::kValue,
                                   .help = "only this app; otherwise all, merged by time"};
inline constexpr Option kFollow = {
    .name = "follow", .short_name = 'f', .help = "go on with what comes, until the pod ends"};
inline constexpr Option kSince = {.name = "since",
                                  .value_name = "TIME|DURATION",
                                  .arity = OptionArity::kValue,
                                  .help = "only lines from then on, or of the last so long"};
inline constexpr Option kUntil = {.name = "until",
                                  .value_name = "TIME|DURATION",
                                  .arity = OptionArity::kValue,
                                  .help = "only lines up to then, or older than that"};
inline constexpr Option kTail = {.name = "tail",
                                 .value_name = "N",
                                 .initial = "all",
                                 .arity = OptionArity::kValue,
                                 .help = "only the last N lines of what there is"};
inline constexpr Option kTimestamps = {
    .name = "timestamps", .short_name = 't', .help = "show when each line was written"};
inline constexpr Option kLogFormat = {.name = "format",
                                      .value_name = "FORMAT",
                                      .arity = OptionArity::kValue,
                                      .help = "json: an object a line, with time, app, stream and message",
                                      .choices = kLogFormats};
inline constexpr Option kRaw = {.name = "raw",
                                .help = "give control characters to a terminal as the app wrote them"};

// metadata-service
inline constexpr Option kListenPort = {.name = "listen-port",
                                       .value_name = "PORT",
                                       .initial = "18112",
                                       .arity = OptionArity::kValue,
                                       .help =
                                           "port that the pods' requests come to, unless the service "
                                           "manager passes a socket"};

// status
inline constexpr Option kWait = {.name = "wait",
                                 .value_name = "BOOL|DURATION",
                                 .initial = "false",
                                 .arity = OptionArity::kOptionalValue,
                                 .help = "wait until the pod has ended, at most for a duration"};
inline constexpr Option kWaitReady = {.name = "wait-ready",
                                      .value_name = "BOOL|DURATION",
                                      .initial = "false",
                                      .arity = OptionArity::kOptionalValue,
                                      .help = "wait until the pod is ready, at most for a duration"};

// stop
inline constexpr Option kForce = {.name = "force", .help = "kill the pod instead of asking it to end"};
inline constexpr Option kStopGrace = {.name = "timeout",
                                      .value_name = "DURATION",
                                      .initial = "30s",
                                      .arity = OptionArity::kValue,
                                      .help =
                                          "how long the pod may take to end before it is killed; 0 does not "
                                          "wait, -1 waits for ever; the default is longer "
                                          "if its apps may take longer"};

}  // namespace agena::stage0
