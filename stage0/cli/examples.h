// An example or two for each command, shown by help and the manual page.
#pragma once

#include <array>
#include <string_view>

#include "common/base/table.h"

namespace agena::stage0 {

struct ExampleRow {
  std::string_view name;   // of the command
  std::string_view lines;  // as they would be typed
};

inline constexpr auto kExamples = std::to_array<ExampleRow>({
    {"app",
     "{program} app sandbox --detach --pod-name=work\n"
     "{program} app add work docker://debian:12 --name=shell --start -- sleep 1000"},
    {"app add", "{program} app add work docker://debian:12 --name=job --start -- sleep 60"},
    {"app attach", "{program} app attach --app=shell work"},
    {"app exec", "{program} app exec --app=shell work ls -l /"},
    {"app list", "{program} app list work"},
    {"app logs", "{program} app logs --follow work"},
    {"app rm", "{program} app rm work shell"},
    {"app sandbox", "{program} app sandbox --detach --pod-name=work"},
    {"app start", "{program} app start work shell"},
    {"app status", "{program} app status work shell"},
    {"app stop", "{program} app stop --time=5s work shell"},
    {"app update", "{program} app update work shell --memory=256Mi"},
    {"attach", "{program} attach --app=shell work"},
    {"cat-manifest", "{program} cat-manifest work"},
    {"completion", "source <({program} completion bash)"},
    {"config", "{program} config"},
    {"enter",
     "{program} enter work\n"
     "{program} enter --app=web work ls -l /"},
    {"export",
     "{program} export --app=web work web.aci\n"
     "{program} export --app=web --to=oci work web.tar"},
    {"fetch",
     "{program} fetch docker://debian:12\n"
     "{program} fetch oci:/srv/images/web:latest docker-archive:web.tar ./web.aci"},
    {"gc",
     "{program} gc\n"
     "{program} gc --grace-period=0s"},
    {"help", "{program} help image list"},
    {"image",
     "{program} image list\n"
     "{program} image df"},
    {"image cat-manifest", "{program} image cat-manifest debian:12"},
    {"image df", "{program} image df"},
    {"image diff",
     "{program} image diff debian:11 debian:12\n"
     "{program} image diff --app=web work"},
    {"image export", "{program} image export --to=oci debian:12 debian.tar"},
    {"image extract", "{program} image extract debian:12 /srv/debian"},
    {"image gc", "{program} image gc --dry-run --grace-period=168h"},
    {"image history", "{program} image history debian:12"},
    {"image import-rkt", "{program} image import-rkt /var/lib/rkt"},
    {"image inspect", "{program} image inspect debian:12"},
    {"image list", "{program} image list --sort=size --order=desc"},
    {"image push", "{program} image push web:1 docker://registry.example.com/web:1"},
    {"image render", "{program} image render --rootfs-only example.com/web:1.0.0 /srv/web"},
    {"image rm", "{program} image rm debian:11"},
    {"image tag", "{program} image tag debian:12 registry.example.com/base:1"},
    {"image tags", "{program} image tags docker://registry.example.com/web"},
    {"image verify", "{program} image verify --all"},
    {"list",
     "{program} list\n"
     "{program} list --format=json-pretty"},
    {"logs",
     "{program} logs --follow work\n"
     "{program} logs --app=web --since=10m --timestamps work"},
    {"metadata-service", "{program} metadata-service"},
    {"prepare", "{program} prepare docker://debian:12 --name=job -- sleep 60"},
    {"rm",
     "{program} rm work\n"
     "{program} rm --uuid-file=/run/work.uuid"},
    {"run",
     "{program} run --interactive docker://debian:12\n"
     "{program} run --pod-name=work --port=80-tcp:8080 docker://nginx --name=web\n"
     "{program} run --volume=data,kind=host,source=/srv/data --mount=volume=data,target=/data "
     "docker://debian:12 --memory=256Mi -- ls /data\n"
     "{program} run docker://nginx --name=web --- docker://debian:12 --name=job -- sleep 60"},
    {"run-prepared", "{program} run-prepared --net=none work"},
    {"start", "{program} start work"},
    {"status",
     "{program} status work\n"
     "{program} status --wait-ready=10s work"},
    {"stop",
     "{program} stop work\n"
     "{program} stop --force work"},
    {"trust", "{program} trust --prefix=example.com/web key.asc"},
    {"version", "{program} version"},
});
static_assert(sorted_by_name(kExamples));

constexpr std::string_view examples_of(std::string_view command) {
  const ExampleRow* row = find_by_name(kExamples, command);
  return row == nullptr ? std::string_view() : row->lines;
}

}  // namespace agena::stage0
