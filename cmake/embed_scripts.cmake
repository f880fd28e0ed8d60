# Writes OUTPUT from SCRIPTS. Comment-only and blank lines and leading blanks are dropped: the script is sent to every
# host on every run, and read there byte by byte. So no script has a here-document, nor a string with an indented, empty
# or #-line in it; tests/host runs what this makes.
set(text "// Generated from lib/host/*.sh; edit those.\n#include <string_view>\nnamespace kirikae::host {\n")
string(APPEND text "std::string_view embedded_script(std::string_view name);\nstd::string_view embedded_script(std::string_view name) {\n")
foreach(script IN LISTS SCRIPTS)
  get_filename_component(name ${script} NAME_WE)
  file(READ ${script} body)
  # A newline before the first line, so that no expression needs `^`, which matches anew after every replacement.
  string(PREPEND body "\n")
  string(REGEX REPLACE "\n[ \t]+" "\n" body "${body}")
  string(REGEX REPLACE "\n#[^\n]*" "" body "${body}")
  string(REGEX REPLACE "\n\n+" "\n" body "${body}")
  string(REGEX REPLACE "^\n" "" body "${body}")
  string(APPEND text "  if (name == \"${name}\") return R\"KIRIKAE(${body})KIRIKAE\";\n")
endforeach()
string(APPEND text "  return {};\n}\n}  // namespace kirikae::host\n")
file(WRITE ${OUTPUT} "${text}")
