# The files that tie Agena to a host's systemd, from manifests/data/host, for both names of the command, or those in
# PERSONALITIES:
#   cmake -DPREFIX=/usr -DOUTPUT=DIR [-DPERSONALITIES=agena] -P cmake/HostFiles.cmake
# writes them to DIR/lib, as they are installed for programs in PREFIX/bin. Included by the installation itself, because
# the prefix may be chosen as late as that.
cmake_policy(VERSION 3.25)
if(NOT DEFINED PERSONALITIES)
  set(PERSONALITIES agena rkt)
endif()
set(templates ${CMAKE_CURRENT_LIST_DIR}/../manifests/data/host)
foreach(PERSONALITY IN LISTS PERSONALITIES)
  configure_file(${templates}/gc.service.in ${OUTPUT}/lib/systemd/system/${PERSONALITY}-gc.service @ONLY)
  configure_file(${templates}/gc.timer.in ${OUTPUT}/lib/systemd/system/${PERSONALITY}-gc.timer @ONLY)
  configure_file(${templates}/metadata.service.in ${OUTPUT}/lib/systemd/system/${PERSONALITY}-metadata.service @ONLY)
  configure_file(${templates}/metadata.socket.in ${OUTPUT}/lib/systemd/system/${PERSONALITY}-metadata.socket @ONLY)
  configure_file(${templates}/pod@.service.in ${OUTPUT}/lib/systemd/system/${PERSONALITY}@.service @ONLY)
  configure_file(${templates}/sysusers.conf.in ${OUTPUT}/lib/sysusers.d/${PERSONALITY}.conf @ONLY)
  configure_file(${templates}/tmpfiles.conf.in ${OUTPUT}/lib/tmpfiles.d/${PERSONALITY}.conf @ONLY)
endforeach()
# Limits of the kernel know no names of commands.
if("agena" IN_LIST PERSONALITIES)
  configure_file(${templates}/sysctl.conf.in ${OUTPUT}/lib/sysctl.d/50-agena.conf @ONLY)
endif()
