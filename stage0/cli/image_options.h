// The options of apps, in one list: for the commands that take images.
#pragma once

#include <algorithm>
#include <array>

#include "stage0/cli/app_flags.h"
#include "stage0/cli/confine_flags.h"
#include "stage0/cli/io_flags.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/volume_flags.h"

namespace agena::stage0 {

template <class T, std::size_t... N>
consteval auto concatenated(const std::array<T, N>&... lists) {
  std::array<T, (N + ...)> all{};
  auto end = all.begin();
  ((end = std::ranges::copy(lists, end).out), ...);
  return all;
}
// What may follow an image of a pod; and what of it may stand before the first image as well, for all apps.
inline constexpr auto kOptionsForAllApps =
    concatenated(kAppOptions, kConfineOptions, kFileSystemOptions, kIoOptions, kMountOptions, kLifeOptions,
                 kResourceOptions);
inline constexpr auto kOptionsOfImages = concatenated(kOptionsForAllApps, kOneAppOptions, kSignatureOptions);

}  // namespace agena::stage0
