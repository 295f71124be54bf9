#include "stage0/image/progress.h"

namespace agena::stage0 {
namespace {
constexpr Nanoseconds kReportEvery = kSecond / 10;
}  // namespace

void ProgressReporter::report(const LayerProgress& progress) {
  if (!callback_) return;
  const std::lock_guard guard(mutex_);
  callback_(progress);
}

Result<std::size_t> ReportingSource::read(std::span<char> buffer) {
  if (cancelled_) return fail(ErrorKind::kInternal, "given up because another layer failed");
  const std::size_t size = TRY(inner_.read(buffer));
  progress_.done += size;
  const Nanoseconds at = monotonic_now();
  if (at - last_report_ >= kReportEvery) {
    last_report_ = at;
    reporter_.report(progress_);
  }
  return size;
}

}  // namespace agena::stage0
