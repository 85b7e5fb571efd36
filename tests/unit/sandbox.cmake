hearth_unit_test(unit_sandbox
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/sandbox/cgroup_paths_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/cgroup_freezer_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/cgroup_limits_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/cpu_sets_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/landlock_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/namespaces_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/seccomp_test.cc ${CMAKE_CURRENT_LIST_DIR}/sandbox/seccomp_table_test.cc
  DEPS hearth_sandbox)
