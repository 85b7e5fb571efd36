pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
set(store_tests ${CMAKE_CURRENT_LIST_DIR}/runtime/store)
hearth_unit_test(unit_store_sqlite
  SOURCES
    ${store_tests}/backup_test.cc
    ${store_tests}/data_folder_test.cc
    ${store_tests}/file_blob_store_test.cc
    ${store_tests}/group_commit_test.cc
    ${store_tests}/key_store_conformance_test.cc
    ${store_tests}/power_loss_disk.cc
    ${store_tests}/power_loss_vfs.cc
    ${store_tests}/queue_store_conformance_test.cc
    ${store_tests}/queue_store_fifo_test.cc
    ${store_tests}/queue_model.cc ${store_tests}/queue_store_model_test.cc
    ${store_tests}/receipt_handle_test.cc
    ${store_tests}/sqlite_database_test.cc
    ${store_tests}/sqlite_key_store_test.cc
    ${store_tests}/sqlite_queue_store_test.cc
    ${store_tests}/sqlite_queue_upgrade_test.cc
    ${store_tests}/store_crash_test.cc
    ${store_tests}/store_power_loss_test.cc
  DEPS hearth_store PkgConfig::SQLITE3)
