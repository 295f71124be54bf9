#include "stage0/image/import_turn.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/strings.h"

namespace agena::stage0 {

Result<ImportTurn> ImportTurn::take(const Store& store, std::string_view source, std::string_view name) {
  bool waited = false;
  PartialFile lock = TRY(PartialFile::open(store, fmt::format("import {}", source), [&] {
    if (!std::exchange(waited, true))
      log::info("waiting for another process that imports '{}'", printable(name));
  }));
  return ImportTurn(std::move(lock), waited);
}

ImportTurn::~ImportTurn() {
  if (!lock_) return;
  // One that is left is empty, and goes with the next `image gc`.
  if (const auto removed = lock_->remove(); !removed) log::debug("image: {}", removed.error().to_string());
}

Result<Found> find_or_take_turn(const Store& store, std::string_view source, std::string_view name,
                                const LookUp& look_up) {
  if (auto known = TRY(look_up())) return Found{.image = std::move(known), .turn = std::nullopt};
  ImportTurn turn = TRY(ImportTurn::take(store, source, name));
  if (turn.waited())
    if (auto known = TRY(look_up())) return Found{.image = std::move(known), .turn = std::nullopt};
  return Found{.image = std::nullopt, .turn = std::move(turn)};
}

}  // namespace agena::stage0
