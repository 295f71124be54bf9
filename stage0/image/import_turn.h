// Who imports a source first, and who waits: of many that want the same image at once, one unpacks it, and
// the others find it in the store. Internal to stage0/image.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "stage0/store/partials.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Held while a source is imported; freed with the object, and by the death of the process.
class ImportTurn {
 public:
  // Waits for whoever has the turn for this source. `source` tells one source from another; `name` is for
  // the reader.
  static Result<ImportTurn> take(const Store& store, std::string_view source, std::string_view name);
  ~ImportTurn();
  ImportTurn(ImportTurn&& other) noexcept
      : lock_(std::exchange(other.lock_, std::nullopt)), waited_(other.waited_) {}
  ImportTurn& operator=(ImportTurn&& other) noexcept {
    std::swap(lock_, other.lock_);
    std::swap(waited_, other.waited_);
    return *this;
  }

  // Whether somebody else had it before, so that the image may be in the store by now.
  bool waited() const { return waited_; }

 private:
  ImportTurn(PartialFile lock, bool waited) : lock_(std::move(lock)), waited_(waited) {}
  std::optional<PartialFile> lock_;
  bool waited_;
};

// What is already in the store, or nothing.
using LookUp = std::function<Result<std::optional<ImageRecord>>()>;

// Takes the turn if the source is not in the store: returns the image, or the turn for who has to import it.
struct Found {
  std::optional<ImageRecord> image;
  std::optional<ImportTurn> turn;
};
Result<Found> find_or_take_turn(const Store& store, std::string_view source, std::string_view name,
                                const LookUp& look_up);

}  // namespace agena::stage0
