# The attack suite: every row of the table in rows.py, in real daemons. See docs/attacks.md.
set(attack_suite ${CMAKE_CURRENT_LIST_DIR})
hearth_add_function(attacker SOURCES ${attack_suite}/attacker.cc)

# A launcher and a worker whose layers can be taken away: for the tests alone, never installed.
add_executable(weakened-launcher ${CMAKE_SOURCE_DIR}/runtime/worker/launcher_main.cc ${attack_suite}/weakened_layers.cc)
target_link_libraries(weakened-launcher PRIVATE hearth_launcher_parts_plain)
add_executable(weakened-worker ${CMAKE_SOURCE_DIR}/runtime/worker/worker_main.cc ${attack_suite}/weakened_layers.cc)
target_link_libraries(weakened-worker PRIVATE hearth_worker_plain)
foreach(executable weakened-launcher weakened-worker)
  target_link_options(${executable} PRIVATE -Wl,--as-needed)
  set_target_properties(${executable} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/weakened)
endforeach()

if(TARGET hearthd)
  foreach(part Attacks Control Removals Installed Stress)
    string(TOLOWER ${part} name)
    set(file test_attacks)
    if(part STREQUAL Stress)
      set(file test_stress)
    endif()
    add_test(NAME sandbox_${name} COMMAND Python3::Interpreter -m unittest -v ${file}.${part} WORKING_DIRECTORY ${attack_suite})
    set_tests_properties(sandbox_${name} PROPERTIES LABELS "e2e;sandbox" TIMEOUT 1200
                         ENVIRONMENT "HEARTH_BUILD_DIR=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
