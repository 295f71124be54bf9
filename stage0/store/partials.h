// Partial files: what has been received of a download, kept so that the next attempt goes on from there,
// after a cut of the line as after the death of the process. DATA/cas/partial/<sha256 of the key>, with a
// `.note` beside it where the downloader has something to remember. Whoever reads or writes one holds its
// lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

class PartialFile {
 public:
  // Opens the partial file of a key ("sha256:…" of a blob, or any text that tells one download from another),
  // making it if there is none. Whoever comes second waits until the first is done with it; `on_wait`, if
  // given, is called before.
  static Result<PartialFile> open(const Store& store, std::string_view key,
                                  const std::function<void()>& on_wait = {});
  // The same without waiting: if it is held, a file of its own without a name, empty and gone with the
  // object. For those who hold one already: two that wait for each other's would wait for ever.
  static Result<PartialFile> open_now(const Store& store, std::string_view key);
  PartialFile(PartialFile&&) noexcept = default;
  PartialFile& operator=(PartialFile&&) noexcept = default;

  // Bytes that are there.
  std::uint64_t size() const { return size_; }
  // For reading with pread(2): the first size() bytes.
  int fd() const { return fd_.get(); }
  Result<> append(std::span<const char> bytes);
  // Throws content and note away.
  Result<> clear();

  // What was remembered with the content (an ETag); empty if nothing.
  Result<std::string> note() const;
  Result<> set_note(std::string_view text);

  // Removes the file: its content is in the store now, or is no good. The lock ends with the object.
  Result<> remove();

 private:
  static Result<PartialFile> open(const Store& store, std::string_view key, bool wait,
                                  const std::function<void()>& on_wait);
  static Result<PartialFile> unnamed(sys::DirFd dir, const std::string& name);
  PartialFile(sys::DirFd dir, std::string name, sys::UniqueFd fd, std::uint64_t size)
      : dir_(std::move(dir)), name_(std::move(name)), fd_(std::move(fd)), size_(size) {}
  sys::DirFd dir_;
  std::string name_;  // empty: it has none, and no note either
  sys::UniqueFd fd_;  // locked
  std::uint64_t size_;
};

// Removes partial files that nobody holds and nobody has written to since `before`; returns the bytes freed.
Result<std::uint64_t> sweep_partials(const Store& store, Nanoseconds before);

}  // namespace agena::stage0
