# Debian packages of the installation: `agena`, and `agena-rkt` with what makes it answer to rkt's name.
#   cmake --workflow --preset package        build/package/packages/*.deb
#   cpack --config BUILD/CPackConfig.cmake   of any built tree
# The files of a component are what cmake/Install.cmake and cmake/Stage1Image.cmake give it; packaging/arrange.cmake makes
# of them what Debian's policy wants. docs/installing.md tells users what is in them.
set(packaging ${CMAKE_SOURCE_DIR}/packaging)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME agena)
set(CPACK_PACKAGE_VENDOR "The Agena developers")
set(AGENA_MAINTAINER "The Agena developers <maintainers@agena.dev>" CACHE STRING "Maintainer of the packages")
set(CPACK_PACKAGE_CONTACT ${AGENA_MAINTAINER})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_VERBATIM_VARIABLES ON)
# Each package has a synopsis of its own, the first line of its description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
# With DESTDIR the prefix that the files speak of is the final one, whatever the tree was configured for.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${packaging}/arrange.cmake)
set(CPACK_AGENA_PACKAGING ${packaging})
set(CPACK_AGENA_CHANGELOG ${CMAKE_SOURCE_DIR}/CHANGELOG.md)

set(CPACK_COMPONENTS_ALL agena rkt)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

# Maintainer scripts are one text for both packages.
foreach(PERSONALITY agena rkt)
  foreach(script postinst prerm postrm)
    configure_file(${packaging}/debian/${script}.in ${CMAKE_BINARY_DIR}/packaging/${PERSONALITY}/${script} @ONLY
                   FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND scripts_of_${PERSONALITY} ${CMAKE_BINARY_DIR}/packaging/${PERSONALITY}/${script})
  endforeach()
endforeach()

set(CPACK_DEBIAN_AGENA_PACKAGE_NAME agena)
set(CPACK_DEBIAN_AGENA_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_AGENA_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_AGENA_PACKAGE_CONTROL_EXTRA ${scripts_of_agena})
set(CPACK_COMPONENT_AGENA_DESCRIPTION "pod-native container engine
Agena runs pods on Linux: one or more applications, each from an image of its
own and in a root of its own, that share network, IPC and life. There is no
daemon: a pod is a plain child of whatever started it, a shell or a unit, and
ends with the exit code of its first application that failed.

Images come from registries, OCI layouts, docker archives and signed ACIs.
The command line is that of CoreOS rkt; the package agena-rkt adds its name.")
# Why which of them are needed and which are recommended: docs/adr/0010-dependencies.md. shlibdeps adds libc.
set(CPACK_DEBIAN_AGENA_PACKAGE_DEPENDS
    "libcurl4, ca-certificates, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_AGENA_PACKAGE_RECOMMENDS "libgpgme11, gpg, libxml2, libisal2, libmicrohttpd12")
set(CPACK_DEBIAN_AGENA_PACKAGE_SUGGESTS "containernetworking-plugins, systemd-container, agena-rkt")

set(CPACK_DEBIAN_RKT_PACKAGE_NAME agena-rkt)
set(CPACK_DEBIAN_RKT_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_RKT_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_RKT_PACKAGE_CONTROL_EXTRA ${scripts_of_rkt})
set(CPACK_COMPONENT_RKT_DESCRIPTION "pod-native container engine, under the name of rkt
The command rkt, which is Agena with the directories, groups and defaults of
CoreOS rkt: /etc/rkt, /var/lib/rkt, /usr/lib/rkt. With it what drives rkt,
scripts, units and orchestrators, goes on working.")
set(CPACK_DEBIAN_RKT_PACKAGE_DEPENDS "agena (>= ${PROJECT_VERSION}), agena (<< ${PROJECT_VERSION}+)")
set(CPACK_DEBIAN_RKT_PACKAGE_PROVIDES rkt)
set(CPACK_DEBIAN_RKT_PACKAGE_CONFLICTS rkt)
set(CPACK_DEBIAN_RKT_PACKAGE_REPLACES rkt)

include(CPack)
