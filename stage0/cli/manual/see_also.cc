#include "stage0/cli/manual/see_also.h"

#include <array>

#include "common/base/table.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kImages = "{program}-fetch(1), {program}-image(1), agena-on-disk-format(5)";
constexpr std::string_view kPods = "{program}-list(1), {program}-gc(1), agena-pod-lifecycle(7)";
constexpr std::string_view kSandbox =
    "{program}-app-sandbox(1), {program}-app-add(1), agena-pod-lifecycle(7)";

constexpr std::array kRows = {
    SeeAlsoRow{"app", kSandbox},
    SeeAlsoRow{"app add", kSandbox},
    SeeAlsoRow{"app attach", "{program}-run(1), {program}-logs(1)"},
    SeeAlsoRow{"app exec", "{program}-enter(1)"},
    SeeAlsoRow{"app list", kSandbox},
    SeeAlsoRow{"app logs", "{program}-logs(1)"},
    SeeAlsoRow{"app rm", kSandbox},
    SeeAlsoRow{"app sandbox", "{program}-app-add(1), {program}-stop(1), agena-pod-lifecycle(7)"},
    SeeAlsoRow{"app start", kSandbox},
    SeeAlsoRow{"app status", kSandbox},
    SeeAlsoRow{"app stop", kSandbox},
    SeeAlsoRow{"app update", kSandbox},
    SeeAlsoRow{"attach", "{program}-run(1), {program}-logs(1)"},
    SeeAlsoRow{"cat-manifest", "{program}-image-cat-manifest(1)"},
    SeeAlsoRow{"completion", "bash(1), zsh(1), fish(1)"},
    SeeAlsoRow{"config", "agena-configuration(5)"},
    SeeAlsoRow{"enter", "{program}-logs(1), {program}-status(1)"},
    SeeAlsoRow{"export", "{program}-image-export(1), {program}-image-diff(1)"},
    SeeAlsoRow{"fetch", "{program}-trust(1), {program}-image(1), agena-configuration(5)"},
    SeeAlsoRow{"gc", "{program}-image-gc(1), agena-pod-lifecycle(7), agena-under-systemd(7)"},
    SeeAlsoRow{"image", "{program}-fetch(1), agena-on-disk-format(5)"},
    SeeAlsoRow{"image export", "{program}-image-push(1), {program}-export(1)"},
    SeeAlsoRow{"image gc", "{program}-image-rm(1), {program}-image-df(1), {program}-gc(1)"},
    SeeAlsoRow{"image list", kImages},
    SeeAlsoRow{"image push", "{program}-image-tags(1), agena-configuration(5)"},
    SeeAlsoRow{"image rm", "{program}-image-gc(1)"},
    SeeAlsoRow{"image verify", kImages},
    SeeAlsoRow{"list", "{program}-status(1), agena-pod-lifecycle(7)"},
    SeeAlsoRow{"logs", "{program}-attach(1), {program}-run(1)"},
    SeeAlsoRow{"metadata-service", "agena-metadata-service(7), agena-under-systemd(7)"},
    SeeAlsoRow{"prepare", kPods},
    SeeAlsoRow{"rm", kPods},
    SeeAlsoRow{"run",
               "{program}-fetch(1), {program}-status(1), {program}-logs(1), {program}-stop(1), "
               "agena-app-filesystem(7), agena-networking(7), agena-pod-lifecycle(7), agena-security(7), "
               "agena-under-systemd(7)"},
    SeeAlsoRow{"run-prepared", "{program}-prepare(1), {program}-run(1)"},
    SeeAlsoRow{"start", "{program}-run(1), {program}-stop(1), agena-pod-lifecycle(7)"},
    SeeAlsoRow{"status", kPods},
    SeeAlsoRow{"stop", kPods},
    SeeAlsoRow{"trust", "{program}-fetch(1), agena-configuration(5), gpg(1)"},
};
static_assert(sorted_by_name(kRows));

}  // namespace

std::span<const SeeAlsoRow> see_also() { return kRows; }

std::string_view see_also(std::string_view command) {
  const SeeAlsoRow* row = find_by_name(kRows, command);
  return row == nullptr ? std::string_view() : row->pages;
}

}  // namespace agena::stage0
