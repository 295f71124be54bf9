# Every outside library, with the oldest version that is tested. docs/adr/ says why each is there.
find_package(Threads REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# Libraries of the agena command are linked from their archives: a start of `agena run` then maps one file
# instead of ten, and their initialisers run only when used (docs/adr/0002-static-archives.md).
function(agena_archive target library)
  cmake_parse_arguments(A "" "HEADER" "LINK" ${ARGN})
  find_library(${target}_ARCHIVE NAMES ${library} REQUIRED)
  find_path(${target}_INCLUDE NAMES ${A_HEADER} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${target}_ARCHIVE}
                        INTERFACE_INCLUDE_DIRECTORIES ${${target}_INCLUDE} INTERFACE_LINK_LIBRARIES "${A_LINK}")
endfunction()
agena_archive(dep_crypto libcrypto.a HEADER openssl/evp.h LINK ${CMAKE_DL_LIBS} Threads::Threads)
agena_archive(dep_sqlite libsqlite3.a HEADER sqlite3.h LINK m ${CMAKE_DL_LIBS} Threads::Threads)
# sd-bus, for the one dynamic program of the stage1 image; Debian has no archive of it.
find_library(SYSTEMD_LIBRARY NAMES systemd REQUIRED)
find_path(SYSTEMD_INCLUDE NAMES systemd/sd-bus.h REQUIRED)
add_library(dep_systemd INTERFACE)
target_include_directories(dep_systemd INTERFACE ${SYSTEMD_INCLUDE})
target_link_libraries(dep_systemd INTERFACE ${SYSTEMD_LIBRARY})
# ISA-L has no archive in Debian; it is opened when the first gzip stream is read (stage0/unpack/gzip), only its header is needed here.
add_library(dep_isal INTERFACE)
find_path(ISAL_INCLUDE NAMES isa-l/igzip_lib.h REQUIRED)
target_include_directories(dep_isal INTERFACE ${ISAL_INCLUDE})
target_link_libraries(dep_isal INTERFACE ${CMAKE_DL_LIBS})
# GPGME and libxml2 are opened by their soname when they are first needed (common/sys/shared_library): only their headers are.
add_library(dep_gpgme INTERFACE)
find_path(GPGME_INCLUDE NAMES gpgme.h REQUIRED)
target_include_directories(dep_gpgme INTERFACE ${GPGME_INCLUDE})
add_library(dep_xml INTERFACE)
find_path(XML_INCLUDE NAMES libxml/HTMLparser.h PATH_SUFFIXES libxml2 REQUIRED)
target_include_directories(dep_xml SYSTEM INTERFACE ${XML_INCLUDE})
# libmicrohttpd is opened when the metadata service starts (stage0/metadata/microhttpd_api).
add_library(dep_microhttpd INTERFACE)
find_path(MICROHTTPD_INCLUDE NAMES microhttpd.h REQUIRED)
target_include_directories(dep_microhttpd SYSTEM INTERFACE ${MICROHTTPD_INCLUDE})
# libcurl is opened at the first request (stage0/http/curl_api); only its headers are needed here.
add_library(dep_curl INTERFACE)
find_path(CURL_INCLUDE NAMES curl/curl.h REQUIRED)
target_include_directories(dep_curl INTERFACE ${CURL_INCLUDE})
# The checks of argument types are macros that know no function pointers.
target_compile_definitions(dep_curl INTERFACE CURL_DISABLE_TYPECHECK)
agena_archive(dep_zlib libz.a HEADER zlib.h)
agena_archive(dep_zstd libzstd.a HEADER zstd.h LINK Threads::Threads)
agena_archive(dep_lzma liblzma.a HEADER lzma.h LINK Threads::Threads)
agena_archive(dep_bz2 libbz2.a HEADER bzlib.h)
