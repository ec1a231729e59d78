# What `cmake --install` puts where, for find_package(attnc). The component
# `runtime` is complete by itself; the package finds the compiler, when it is
# installed, by its name in the folder for programs.
include(CMakePackageConfigHelpers)

set(ATTNC_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/attnc)

install(FILES attnrt.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attnc COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/third_party/dlpack/dlpack.h
              ${PROJECT_SOURCE_DIR}/third_party/dlpack/LICENSE
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attnc/dlpack COMPONENT runtime)
install(TARGETS attnrt attnrt_static attnrt_shared EXPORT attncTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
          NAMELINK_COMPONENT runtime)
install(EXPORT attncTargets NAMESPACE attnc::
  DESTINATION ${ATTNC_CMAKE_DIR} COMPONENT runtime)

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/attnc-config.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/attnc-config.cmake
  INSTALL_DESTINATION ${ATTNC_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_BINDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/cmake/attnc-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/attnc-config.cmake
              ${PROJECT_BINARY_DIR}/cmake/attnc-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/AttncAddKernel.cmake
  DESTINATION ${ATTNC_CMAKE_DIR} COMPONENT runtime)
