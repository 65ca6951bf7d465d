# An overlay port, which installs the tarball of a target, for a triplet with shared libraries, as libjansson is one:
# `vcpkg install lily-session --overlay-ports=build/recipes/vcpkg --triplet=x64-linux-dynamic`. vcpkg's own ports
# are built from source, and it has no Swift.
vcpkg_check_linkage(ONLY_DYNAMIC_LIBRARY)
if(VCPKG_TARGET_ARCHITECTURE STREQUAL "x64")
  set(TARGET amd64-glibc)
  set(DIGEST @SHA512_AMD64@)
elseif(VCPKG_TARGET_ARCHITECTURE STREQUAL "arm64")
  set(TARGET arm64-glibc)
  set(DIGEST @SHA512_ARM64@)
else()
  message(FATAL_ERROR "lily-session has no tarball for ${VCPKG_TARGET_ARCHITECTURE}")
endif()

vcpkg_download_distfile(ARCHIVE
  URLS "@BASE@/lily-session-${VERSION}-${TARGET}.tar.gz"
  FILENAME "lily-session-${VERSION}-${TARGET}.tar.gz"
  SHA512 "${DIGEST}")
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

set(VCPKG_BUILD_TYPE release)
file(INSTALL "${SOURCE_PATH}/include" DESTINATION "${CURRENT_PACKAGES_DIR}")
file(GLOB LIBRARIES "${SOURCE_PATH}/lib/*.so*")
file(INSTALL ${LIBRARIES} "${SOURCE_PATH}/lib/pkgconfig" DESTINATION "${CURRENT_PACKAGES_DIR}/lib")
# CMake's files find the library from where they are, two folders below it.
file(INSTALL "${SOURCE_PATH}/lib/cmake/lily_session" DESTINATION "${CURRENT_PACKAGES_DIR}/lib/cmake")
set(VCPKG_POLICY_SKIP_MISPLACED_CMAKE_FILES_CHECK enabled)
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/share/doc/lily-session/LICENSE" "${SOURCE_PATH}/share/doc/lily-session/LICENSE.swift")
