hearth_unit_test(unit_control
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/control/access_guard_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/event_stream_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/form_fields_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_bill_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_invocations_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_ledger_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_aliases_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_event_invoke_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_queues_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_resources_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/log_history_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_functions_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_invoke_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_logging_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_provisioned_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_tags_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/control/hearth_scaling_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/lambda_triggers_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/sqs_query_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/control/sqs_test.cc
  DEPS hearth_control)
