# Run by CPack when the files of all components are in place and before they become packages: documents and places as
# Debian's policy and its shells want them.

cmake_policy(VERSION 3.25)

function(gzip)
  execute_process(COMMAND gzip -9nf ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component})
  set(doc ${root}/usr/share/doc/${package})
  if(NOT IS_DIRECTORY ${root}/usr)
    message(FATAL_ERROR "no files of the component '${component}' in '${root}'")
  endif()

  configure_file(${CPACK_AGENA_PACKAGING}/debian/copyright ${doc}/copyright COPYONLY)
  configure_file(${CPACK_AGENA_PACKAGING}/debian/changelog ${doc}/changelog.Debian COPYONLY)
  configure_file(${CPACK_AGENA_CHANGELOG} ${doc}/changelog COPYONLY)
  gzip(${doc}/changelog.Debian ${doc}/changelog)
  set(overrides ${CPACK_AGENA_PACKAGING}/debian/${package}.lintian-overrides)
  if(EXISTS ${overrides})
    configure_file(${overrides} ${root}/usr/share/lintian/overrides/${package} COPYONLY)
  endif()

  file(GLOB_RECURSE pages ${root}/usr/share/man/*.[1-9])
  foreach(page IN LISTS pages)
    # A link to a page becomes one to the compressed page.
    if(IS_SYMLINK ${page})
      file(READ_SYMLINK ${page} target)
      file(CREATE_LINK ${target}.gz ${page}.gz SYMBOLIC)
      file(REMOVE ${page})
    else()
      gzip(${page})
    endif()
  endforeach()
  # Debian's zsh looks there and not into site-functions of /usr.
  if(EXISTS ${root}/usr/share/zsh/site-functions)
    file(RENAME ${root}/usr/share/zsh/site-functions ${root}/usr/share/zsh/vendor-completions)
  endif()
endforeach()
