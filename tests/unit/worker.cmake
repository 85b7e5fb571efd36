# A handler of these tests' own, built as an author builds: no sanitizer, plain C.
add_library(hearth_probe MODULE ${CMAKE_CURRENT_LIST_DIR}/runtime/worker/handlers/probe.c)
set_target_properties(hearth_probe PROPERTIES OUTPUT_NAME probe C_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/probe)
target_compile_definitions(hearth_probe PRIVATE _GNU_SOURCE)
target_link_libraries(hearth_probe PRIVATE hearth_warnings hearth_abi Threads::Threads)

hearth_unit_test(unit_launcher
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/worker/launcher_fixture.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/worker/launcher_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/worker/escape_test.cc
  DEPS hearth_launcher_parts)
target_compile_definitions(unit_launcher PRIVATE HEARTH_PROBE_DIR="${CMAKE_CURRENT_BINARY_DIR}/probe"
  HEARTH_LIBEXEC_DIR="${CMAKE_BINARY_DIR}/libexec/hearth" HEARTH_TEST_HANDLERS_DIR="${HEARTH_TEST_HANDLERS_DIR}")
add_dependencies(unit_launcher hearth_probe hearth-launcher hearth-worker test_handlers)
