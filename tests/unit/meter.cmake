hearth_unit_test(unit_meter
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/billed_duration_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/charge_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/ledger_entry_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/meter_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/money_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/price_book_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/recent_window_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/record_codec_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/report_line_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/meter/statement_test.cc
  DEPS hearth_meter)
