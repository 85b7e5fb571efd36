hearth_unit_test(unit_daemon SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/daemon/config_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/daemon/loop_slots_test.cc DEPS hearth_daemon)
