#include "integration/tools.h"

#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

void tools_without(const TempDir& folder, const std::string& missing) {
  const std::string text = "cd \"$1\" && for f in /usr/bin/* /bin/*; do case ${f##*/} in " + missing +
                           ") ;; *) echo \"$f\" ;; esac; done | xargs ln -sf -t .";
  REQUIRE(run_program({"/bin/sh", "-c", text, "sh", folder.path().string()}).status == 0);
}

void tools_of_busybox(const TempDir& folder) {
  REQUIRE(run_program({"/bin/sh", "-c", "for a in busybox $(busybox --list); do ln -s \"$(command -v busybox)\" \"$1/$a\"; done", "sh",
                       folder.path().string()})
              .status == 0);
}

void give_second_host(const World& world, const TempDir& tools) {
  world.write("../enter",
              "#!/bin/sh\nhost=${SSH_CONNECTION#* * }\nhost=${host% *}\nexec 9<" + (world / "hosts").string() +
                  "/\"$host\"\n[ \"$host\" != 127.0.0.2 ] || PATH=" + tools.path().string() + "\nexec /bin/sh \"$@\"\n",
              0755);
}

}  // namespace kirikae::test
