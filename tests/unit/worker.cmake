find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)

# Handlers of these tests' own, built as an author builds: no sanitizer, plain C.
set(worker_tests ${CMAKE_CURRENT_LIST_DIR}/runtime/worker)
set(probe_dir ${CMAKE_CURRENT_BINARY_DIR}/probe)
function(hearth_probe_library name output folder)
  add_library(${name} SHARED ${ARGN})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${output} C_VISIBILITY_PRESET hidden SKIP_BUILD_RPATH ON
    LIBRARY_OUTPUT_DIRECTORY ${folder})
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_link_libraries(${name} PRIVATE hearth_warnings hearth_abi Threads::Threads)
endfunction()
hearth_probe_library(hearth_probe probe ${probe_dir} ${worker_tests}/handlers/probe.c)
hearth_probe_library(hearth_threaded threaded ${probe_dir} ${worker_tests}/handlers/threaded.c)
hearth_probe_library(hearth_helper helper ${probe_dir} ${worker_tests}/handlers/helper.c)
hearth_probe_library(hearth_helper_old helper ${probe_dir}/old ${worker_tests}/handlers/helper.c)
hearth_probe_library(hearth_needy needy ${probe_dir} ${worker_tests}/handlers/needy.c)
set_target_properties(hearth_helper hearth_helper_old PROPERTIES C_VISIBILITY_PRESET default)
target_link_options(hearth_helper PRIVATE -Wl,--version-script=${worker_tests}/handlers/helper.map)
target_link_options(hearth_helper_old PRIVATE -Wl,--version-script=${worker_tests}/handlers/helper_old.map)
target_link_libraries(hearth_needy PRIVATE hearth_helper)

set(worker_test_places HEARTH_PROBE_DIR="${probe_dir}" HEARTH_LIBEXEC_DIR="${CMAKE_BINARY_DIR}/libexec/hearth"
  HEARTH_TEST_HANDLERS_DIR="${HEARTH_TEST_HANDLERS_DIR}")

hearth_unit_test(unit_launcher
  SOURCES ${worker_tests}/launcher_fixture.cc ${worker_tests}/launcher_test.cc ${worker_tests}/escape_test.cc
          ${worker_tests}/unpack_test.cc ${worker_tests}/own_sandbox_test.cc
  DEPS hearth_launcher_parts PkgConfig::LIBZIP)
target_compile_definitions(unit_launcher PRIVATE ${worker_test_places})
add_dependencies(unit_launcher hearth_probe hearth_threaded hearth_needy hearth-launcher hearth-worker test_handlers)

hearth_unit_test(unit_worker
  SOURCES ${worker_tests}/elf_file_test.cc ${worker_tests}/elf_symbols_test.cc ${worker_tests}/library_inspector_test.cc ${worker_tests}/handler_host_test.cc ${worker_tests}/handler_calls_test.cc ${worker_tests}/handler_stream_test.cc ${worker_tests}/handler_window_test.cc ${worker_tests}/handler_lane_test.cc
  DEPS hearth_worker)
target_compile_definitions(unit_worker PRIVATE ${worker_test_places})
add_dependencies(unit_worker hearth_probe hearth_helper hearth_helper_old hearth_needy)
