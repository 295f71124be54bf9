// gzip (RFC 1952): headers are read here, member by member; the deflate body and the trailer by an engine,
// ISA-L or zlib.
#include <dlfcn.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "stage0/unpack/decompressor.h"

namespace agena::stage0 {
namespace {

// What an engine did in one step. `why` is set if the data is bad.
struct Step {
  std::size_t consumed = 0;
  std::size_t produced = 0;
  bool member_done = false;
  const char* why = nullptr;
};

// Reads the body and the trailer (CRC-32 and size, always checked) of one gzip member after another.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;
  virtual void begin_member() = 0;
  virtual Step step(std::span<const char> in, std::span<char> out) = 0;
};

struct IsalFunctions {
  void (*init)(inflate_state*) = nullptr;
  void (*reset)(inflate_state*) = nullptr;
  int (*inflate)(inflate_state*) = nullptr;
};

// Opens ISA-L once. The handle is never closed: code of it may run in any thread until the end.
const IsalFunctions& isal() {
  static const IsalFunctions functions = [] {
    IsalFunctions found;
#if defined(__x86_64__)
    // Only on x86: the decoder of 2.30 (Debian 12) has a known fault on aarch64 (fixed in 2.32).
    void* library = ::dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return found;
    found.init = reinterpret_cast<void (*)(inflate_state*)>(::dlsym(library, "isal_inflate_init"));
    found.reset = reinterpret_cast<void (*)(inflate_state*)>(::dlsym(library, "isal_inflate_reset"));
    found.inflate = reinterpret_cast<int (*)(inflate_state*)>(::dlsym(library, "isal_inflate"));
#endif
    return found;
  }();
  return functions;
}

std::uint32_t as_u32(std::size_t size) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(size, 1U << 30U));
}

class IsalEngine : public Engine {
 public:
  IsalEngine() : state_(std::make_unique<inflate_state>()) { isal().init(state_.get()); }

  void begin_member() override {
    isal().reset(state_.get());
    // A reset may forget the format; this one means: no header, trailer verified.
    state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
  }

  Step step(std::span<const char> in, std::span<char> out) override {
    // The interface is not const-correct; input is not written to.
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(in.data()));
    state_->avail_in = as_u32(in.size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_->avail_out = as_u32(out.size());
    const auto before = state_->block_state;
    const int rc = isal().inflate(state_.get());
    Step step{.consumed = as_u32(in.size()) - state_->avail_in,
              .produced = as_u32(out.size()) - state_->avail_out,
              .member_done = state_->block_state == ISAL_BLOCK_FINISH};
    if (rc < 0) {
      step.why = why(rc);
    } else if (!step.member_done && !in.empty() && step.consumed == 0 && step.produced == 0 &&
               state_->block_state == before) {
      // ISA-L is known to spin on some bad input.
      step.why = "the decoder makes no progress";
    }
    return step;
  }

 private:
  static const char* why(int rc) {
    switch (rc) {
      case ISAL_INVALID_BLOCK:
        return "invalid block";
      case ISAL_INVALID_SYMBOL:
        return "invalid symbol";
      case ISAL_INVALID_LOOKBACK:
        return "invalid distance";
      case ISAL_INCORRECT_CHECKSUM:
        return "wrong checksum or size in the trailer";
      default:
        return "invalid data";
    }
  }
  std::unique_ptr<inflate_state> state_;
};

class ZlibEngine : public Engine {
 public:
  // -15: raw deflate with the full window. Can fail for lack of memory only.
  ZlibEngine() : ready_(::inflateInit2(&stream_, -15) == Z_OK) {}
  ~ZlibEngine() override { (void)::inflateEnd(&stream_); }
  ZlibEngine(const ZlibEngine&) = delete;
  ZlibEngine& operator=(const ZlibEngine&) = delete;

  void begin_member() override {
    (void)::inflateReset(&stream_);
    crc_ = 0;
    size_ = 0;
    trailer_size_ = 0;
    in_trailer_ = false;
  }

  Step step(std::span<const char> in, std::span<char> out) override {
    if (!ready_) return {.why = "out of memory"};
    if (in_trailer_) return trailer(in);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = as_u32(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = as_u32(out.size());
    const int rc = ::inflate(&stream_, Z_NO_FLUSH);
    Step step{.consumed = as_u32(in.size()) - stream_.avail_in,
              .produced = as_u32(out.size()) - stream_.avail_out};
    crc_ = static_cast<std::uint32_t>(
        ::crc32(crc_, reinterpret_cast<const Bytef*>(out.data()), static_cast<uInt>(step.produced)));
    size_ += static_cast<std::uint32_t>(step.produced);
    in_trailer_ = rc == Z_STREAM_END;
    // Z_BUF_ERROR only says that input or output space ran out.
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
      step.why = stream_.msg != nullptr ? stream_.msg : "invalid data";
    return step;
  }

 private:
  Step trailer(std::span<const char> in) {
    Step step{.consumed = std::min(in.size(), trailer_.size() - trailer_size_)};
    for (std::size_t i = 0; i < step.consumed; ++i)
      trailer_[trailer_size_++] = static_cast<unsigned char>(in[i]);
    if (trailer_size_ < trailer_.size()) return step;
    step.member_done = true;
    if (little_endian(0) != crc_ || little_endian(4) != size_)
      step.why = "wrong checksum or size in the trailer";
    return step;
  }
  std::uint32_t little_endian(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = (value << 8U) | trailer_[at + i];
    return value;
  }

  z_stream stream_{};
  bool ready_;
  std::uint32_t crc_ = 0;
  std::uint32_t size_ = 0;
  std::array<unsigned char, 8> trailer_{};
  std::size_t trailer_size_ = 0;
  bool in_trailer_ = false;
};

class GzipSource : public Decompressor {
 public:
  GzipSource(CompressedInput input, const DecompressionLimits& limits, std::unique_ptr<Engine> engine)
      : Decompressor(std::move(input), limits), engine_(std::move(engine)) {}

 protected:
  Result<std::size_t> decode(std::span<char> buffer) override {
    while (true) {
      if (!in_member_ && !TRY(begin_member())) return 0;
      TRY(input().fetch(1));
      const std::span<const char> in = input().available();
      const Step step = engine_->step(in, buffer);
      input().consume(step.consumed);
      if (step.why != nullptr) return damaged("gzip", step.why);
      in_member_ = !step.member_done;
      if (step.produced > 0) return step.produced;
      if (in_member_ && in.empty()) return cut_short("gzip");
    }
  }

 private:
  // Header of the next member, if there is one; false at the end of the stream.
  Result<bool> begin_member() {
    if (!first_ && TRY(input().at_end())) return false;
    TRY(input().fetch(2));
    if (!first_ &&
        sniff_compression({input().available().data(), input().available().size()}) != Compression::kGzip)
      return trailing("gzip");
    first_ = false;
    TRY(read_header());
    engine_->begin_member();
    in_member_ = true;
    return true;
  }

  // RFC 1952 section 2.3. The magic has been looked at.
  Result<> read_header() {
    constexpr unsigned kHeaderCrc = 2;
    constexpr unsigned kExtra = 4;
    constexpr unsigned kName = 8;
    constexpr unsigned kComment = 16;
    constexpr unsigned kReserved = 0xe0;
    constexpr unsigned kDeflate = 8;
    header_crc_ = 0;
    TRY(skip(2));
    if (TRY(byte()) != kDeflate) return damaged("gzip", "unknown compression method");
    const unsigned flags = TRY(byte());
    if ((flags & kReserved) != 0) return damaged("gzip", "reserved flags are set");
    TRY(skip(6));  // time, extra flags, operating system
    if ((flags & kExtra) != 0) {
      const unsigned low = TRY(byte());
      TRY(skip(low + (TRY(byte()) << 8U)));
    }
    for (const unsigned text : {flags & kName, flags & kComment})
      while (text != 0 && TRY(byte()) != 0) {
      }
    if ((flags & kHeaderCrc) == 0) return {};
    const std::uint32_t computed = header_crc_ & 0xffffU;
    const unsigned low = TRY(byte());
    if (computed != low + (TRY(byte()) << 8U)) return damaged("gzip", "wrong header checksum");
    return {};
  }

  Result<unsigned> byte() {
    if (TRY(input().at_end())) return cut_short("gzip");
    const char c = input().available().front();
    input().consume(1);
    header_crc_ = static_cast<std::uint32_t>(::crc32(header_crc_, reinterpret_cast<const Bytef*>(&c), 1));
    return static_cast<unsigned char>(c);
  }
  Result<> skip(unsigned n) {
    while (n-- > 0) TRY(byte());
    return {};
  }

  std::unique_ptr<Engine> engine_;
  bool first_ = true;
  bool in_member_ = false;
  std::uint32_t header_crc_ = 0;
};

}  // namespace

bool isal_available() {
  const IsalFunctions& found = isal();
  return found.init != nullptr && found.reset != nullptr && found.inflate != nullptr;
}

std::unique_ptr<ByteSource> make_gzip_source(CompressedInput input, const DecompressionLimits& limits,
                                             InflateEngine engine) {
  const bool use_isal = engine != InflateEngine::kZlib && isal_available();
  std::unique_ptr<Engine> chosen;
  if (use_isal) {
    chosen = std::make_unique<IsalEngine>();
  } else {
    chosen = std::make_unique<ZlibEngine>();
  }
  return std::make_unique<GzipSource>(std::move(input), limits, std::move(chosen));
}

}  // namespace agena::stage0
