set(here ${CMAKE_CURRENT_LIST_DIR}/sdk)

hearth_unit_test(unit_sdk SOURCES ${here}/abi_layout_test.cc ${here}/response_writer_test.cc ${here}/call_test.cc ${here}/error_test.cc ${here}/events_test.cc ${here}/handler_test.cc
                 ${here}/input_object_test.cc
                 ${here}/library_test.cc ${here}/output_file_test.cc ${here}/text_coding_test.cc DEPS Hearth::sdk)
target_compile_definitions(unit_sdk PRIVATE HEARTH_TEST_HANDLERS_DIR="${HEARTH_TEST_HANDLERS_DIR}")
add_dependencies(unit_sdk test_handlers)

# abi.h is C99 and needs nothing; the C++ face compiles with clang too, where there is one.
set(sdk_include ${PROJECT_SOURCE_DIR}/sdk/include)
add_test(NAME "unit_sdk: abi.h is C99"
         COMMAND ${CMAKE_C_COMPILER} -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -I${sdk_include}
                 ${PROJECT_SOURCE_DIR}/examples/hello_c/hello_c.c)
find_program(HEARTH_CLANGXX clang++)
if(HEARTH_CLANGXX)
  add_test(NAME "unit_sdk: another compiler reads the C++ face"
           COMMAND ${HEARTH_CLANGXX} -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I${sdk_include}
                   ${PROJECT_SOURCE_DIR}/examples/queue_orders/queue_orders.cc)
endif()

# Mistakes that a compiler can catch: each file must fail with the words in its first line.
file(GLOB refused CONFIGURE_DEPENDS ${here}/refused/*.cc)
foreach(source IN LISTS refused)
  get_filename_component(name ${source} NAME_WE)
  file(STRINGS ${source} first LIMIT_COUNT 1)
  string(REGEX REPLACE ".*expected: " "error: static.?assert[^\n]*HEARTH_HANDLER: [^\n]*" expected "${first}")
  add_test(NAME "unit_sdk: refused at compile time: ${name}"
           COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -I${sdk_include} ${source})
  set_tests_properties("unit_sdk: refused at compile time: ${name}" PROPERTIES PASS_REGULAR_EXPRESSION "${expected}")
endforeach()

add_test(NAME "unit_sdk: a project outside this tree builds against the installed package"
         COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${here}/outside_project
                 -DWORK=${CMAKE_CURRENT_BINARY_DIR}/outside_project -P ${here}/outside_project/run.cmake)
