# End-to-end tests: one ctest a file, each with a daemon (or several) of its own on free ports in a temporary folder.
# They need the whole product, so they register once there is a daemon to test.
hearth_add_function(caller SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/caller.cc)
hearth_add_function(recorder SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/recorder.cc)
hearth_add_function(tally SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/tally.cc)
hearth_add_function(walker SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/walker.cc)
hearth_add_function(crasher SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/crasher.cc)
hearth_add_function(locator SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/locator.cc)
hearth_add_function(intruder SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/intruder.cc)
hearth_add_function(opener SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/opener.cc)
hearth_add_function(named SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/named.cc)
hearth_add_function(bouncer SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/bouncer.cc)
hearth_add_function(streamer SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/streamer.cc)
hearth_add_function(threaded SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/threaded.cc)
hearth_add_function(turner SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/turner.cc)
hearth_add_function(caller_out SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/caller_out.cc)
hearth_add_function(stopwatch SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/stopwatch.cc)
hearth_add_function(snapper SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/snapper.cc)
hearth_add_function(reader SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/reader.cc)
# Two libraries of one name, for two layers; and a function that needs it.
foreach(number 1 2)
  add_library(shelf_${number} SHARED ${CMAKE_CURRENT_LIST_DIR}/handlers/shelf.cc)
  target_compile_definitions(shelf_${number} PRIVATE SHELF_NUMBER=${number})
  set_target_properties(shelf_${number} PROPERTIES OUTPUT_NAME shelf LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/shelf/${number})
endforeach()
hearth_add_function(shelved SOURCES ${CMAKE_CURRENT_LIST_DIR}/handlers/shelved.cc)
target_link_libraries(shelved PRIVATE shelf_1)
set_target_properties(shelved PROPERTIES SKIP_BUILD_RPATH ON)

# LOOPS: once more, with every daemon having three loops.
function(hearth_e2e_test name)
  cmake_parse_arguments(ARG "ALONE;LOOPS" "TIMEOUT" "" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 180)
  endif()
  add_test(NAME e2e_${name} COMMAND Python3::Interpreter -m unittest -v test_${name}
           WORKING_DIRECTORY ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  set(environment "HEARTH_BUILD_DIR=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
  set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${ARG_ALONE} ENVIRONMENT "${environment}")
  if(ARG_LOOPS)
    add_test(NAME e2e_${name}_loops COMMAND Python3::Interpreter -m unittest -v test_${name}
             WORKING_DIRECTORY ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
    set_tests_properties(e2e_${name}_loops PROPERTIES LABELS e2e TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${ARG_ALONE}
                         ENVIRONMENT "${environment};HEARTH_LOOPS=3")
  endif()
endfunction()

add_test(NAME e2e_harness COMMAND Python3::Interpreter -m unittest -v test_harness
         WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
set_tests_properties(e2e_harness PROPERTIES LABELS e2e TIMEOUT 60 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)

if(TARGET hearthd)
  hearth_e2e_test(invoke ALONE)  # measures durations
  hearth_e2e_test(many_starts)
  hearth_e2e_test(http_trigger LOOPS)
  hearth_e2e_test(large_bodies LOOPS)
  hearth_e2e_test(queue_trigger)
  hearth_e2e_test(queue_mappings)
  hearth_e2e_test(bucket_trigger)
  hearth_e2e_test(bucket_door)
  hearth_e2e_test(bucket_objects)
  hearth_e2e_test(image_example)
  hearth_e2e_test(bucket_pitfalls TIMEOUT 3600)
  hearth_e2e_test(bucket_kill TIMEOUT 3600)  # short counts; the long ones with HEARTH_LONG=1
  hearth_e2e_test(deploy_refusals)
  hearth_e2e_test(aliases)
  hearth_e2e_test(layers)
  hearth_e2e_test(snap_start)
  hearth_e2e_test(secrets)
  hearth_e2e_test(calls)
  hearth_e2e_test(client_gone LOOPS)
  hearth_e2e_test(loops TIMEOUT 900)  # short counts; the long ones with HEARTH_LONG=1
  hearth_e2e_test(prefetch)
  hearth_e2e_test(flat_memory TIMEOUT 1800)  # 20,000 requests; a million with HEARTH_LONG=1
  hearth_e2e_test(streaming LOOPS)
  hearth_e2e_test(invoke_stream)
  hearth_e2e_test(async)
  hearth_e2e_test(async_kill ALONE TIMEOUT 1800)  # short counts; the long ones with HEARTH_LONG=1
  hearth_e2e_test(restart)
  hearth_e2e_test(operating)
  hearth_e2e_test(backup)
  hearth_e2e_test(deploy_under_load ALONE TIMEOUT 300)  # a minute and more with HEARTH_LONG=1
  hearth_e2e_test(chaos ALONE TIMEOUT 600)  # short counts; the long ones are run by hand with HEARTH_LONG=1
  hearth_e2e_test(queue_kill ALONE TIMEOUT 1800)
  hearth_e2e_test(queue_attacks TIMEOUT 1200)
  hearth_e2e_test(chaos_host ALONE TIMEOUT 300)
  hearth_e2e_test(limits)
  hearth_e2e_test(logs)
  hearth_e2e_test(log_format)
  hearth_e2e_test(hostile TIMEOUT 300)
  hearth_e2e_test(crash_reports)
  hearth_e2e_test(freezing)
  hearth_e2e_test(plans)
  hearth_e2e_test(cli)
  hearth_e2e_test(dev)
  hearth_e2e_test(doctor)
  hearth_e2e_test(isolation)
  hearth_e2e_test(own_sandboxes)
  hearth_e2e_test(egress TIMEOUT 600)  # skipped where not root
  hearth_e2e_test(control_plane_unreachable)
  hearth_e2e_test(billing)
  hearth_e2e_test(hostile_billing)
  hearth_e2e_test(wall_truth)
  hearth_e2e_test(ledger ALONE TIMEOUT 600)  # short counts; the long ones are run by hand with HEARTH_LONG=1
  hearth_e2e_test(bill_page)  # skipped where there is no chromium
  hearth_e2e_test(install)
  hearth_e2e_test(reference_pages)
  hearth_e2e_test(prometheus TIMEOUT 300)
  hearth_e2e_test(readme TIMEOUT 600)  # builds a project, and runs the demo
  hearth_e2e_test(unprivileged)
  hearth_e2e_test(sqs_clients TIMEOUT 300)
  hearth_e2e_test(awscli TIMEOUT 300)  # each aws command takes a second of Python
endif()
