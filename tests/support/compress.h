// Compressed streams made in tests. A test that uses it links dep_zlib, dep_zstd, dep_lzma and dep_bz2.
#pragma once

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace agena::testing {

// One gzip member.
inline std::string gzip(std::string_view content, int level = 6) {
  z_stream stream{};
  if (::deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(::deflateBound(&stream, content.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  (void)::deflateEnd(&stream);
  return out;
}

// One zstd frame with a checksum.
inline std::string zstd(std::string_view content, int window_log = 0) {
  ZSTD_CCtx* context = ::ZSTD_createCCtx();
  (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  if (window_log != 0) {
    (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  }
  std::string out(::ZSTD_compressBound(content.size()), '\0');
  ZSTD_inBuffer in{.src = content.data(), .size = content.size(), .pos = 0};
  ZSTD_outBuffer to{.dst = out.data(), .size = out.size(), .pos = 0};
  // Begun without an end, so that the window is not cut to the content.
  std::size_t rc = window_log == 0 ? 0 : ::ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush);
  if (::ZSTD_isError(rc) == 0) rc = ::ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
  (void)::ZSTD_freeCCtx(context);
  if (rc != 0) throw std::runtime_error("zstd");
  out.resize(to.pos);
  return out;
}

inline std::string bzip2(std::string_view content) {
  std::string out(content.size() + (content.size() / 50) + 1024, '\0');
  auto size = static_cast<unsigned>(out.size());
  if (::BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(content.data()),
                                 static_cast<unsigned>(content.size()), 9, 0, 0) != BZ_OK)
    throw std::runtime_error("bzip2");
  out.resize(size);
  return out;
}

inline std::string xz(std::string_view content) {
  std::string out(::lzma_stream_buffer_bound(content.size()), '\0');
  std::size_t size = 0;
  if (::lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, nullptr,
                                reinterpret_cast<const std::uint8_t*>(content.data()), content.size(),
                                reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()) != LZMA_OK)
    throw std::runtime_error("xz");
  out.resize(size);
  return out;
}

}  // namespace agena::testing
