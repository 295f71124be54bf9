// Telling the user how far layers are, from several threads. Internal to stage0/image.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/time.h"
#include "stage0/image/importer.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// Calls the callback for one layer at a time.
class ProgressReporter {
 public:
  explicit ProgressReporter(const ProgressCallback& callback) : callback_(callback) {}
  void report(const LayerProgress& progress);

 private:
  const ProgressCallback& callback_;
  std::mutex mutex_;
};

// Passes a blob on, reports how much of it has been read, and ends with an error once `cancelled` is set.
class ReportingSource : public ByteSource {
 public:
  // All must outlive the source. `progress` says what is known of the layer.
  ReportingSource(ByteSource& inner, LayerProgress& progress, ProgressReporter& reporter,
                  const std::atomic<bool>& cancelled)
      : inner_(inner), progress_(progress), reporter_(reporter), cancelled_(cancelled) {}
  Result<std::size_t> read(std::span<char> buffer) override;

 private:
  ByteSource& inner_;
  LayerProgress& progress_;
  ProgressReporter& reporter_;
  const std::atomic<bool>& cancelled_;
  Nanoseconds last_report_ = 0;
};

}  // namespace agena::stage0
