hearth_unit_test(unit_store_ledger
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/ledger_check_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/ledger_damage_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/ledger_format_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/ledger_log_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/ledger_roll_up_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/store/open_slots_test.cc
  DEPS hearth_store)
