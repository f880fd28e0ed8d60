// Every error as a person sees it, whole.
#include <map>

#include "recipe/rules.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("an application's name is plain", "[recipe]") {
  CHECK(errors_of(R"(application: my shop
deploy_to: /srv/x
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:1:14: 'my shop' is no application's name: letters, digits, - and _
  application: my shop
               ^~~~~~~
)");
}

TEST_CASE("deploy_to is absolute, below the root, and does not climb", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: srv/shop
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:12: 'srv/shop' is not an absolute path
  deploy_to: srv/shop
             ^~~~~~~~
)");
  CHECK(errors_of(R"(application: a
deploy_to: /
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:12: releases can't go to '/' itself
  deploy_to: /
             ^
)");
  CHECK(errors_of(R"(application: a
deploy_to: //.
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:12: releases can't go to '/' itself
  deploy_to: //.
             ^~~
)");
  CHECK(errors_of(R"(application: a
deploy_to: /srv/../etc
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:12: '/srv/../etc' has '..' in it
  deploy_to: /srv/../etc
             ^~~~~~~~~~~
)");
  CHECK(errors_of(R"(application: a
deploy_to: "/srv\nx"
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:12: '/srv\nx' has a line break or a control character in it
  deploy_to: "/srv\nx"
             ^~~~~~~~~
)");
}

TEST_CASE("a name that would change how commands run is no var", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:8: 'PATH' is refused here: set it under 'env'
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
         ^~~~
deploy.yml:4:17: 'LD_PRELOAD' is refused: it would change how commands themselves run
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                  ^~~~~~~~~~
deploy.yml:4:32: 'IFS' is refused: it would change how commands themselves run
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                                 ^~~
deploy.yml:4:40: 'RELEASE' is set by the tool for every command
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                                         ^~~~~~~
deploy.yml:4:52: 'stage' is taken: ${stage} has a meaning of its own
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                                                     ^~~~~
deploy.yml:4:62: 'a-b' is no name of a variable: letters, digits and _, not a digit first
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                                                               ^~~
deploy.yml:4:70: '9a' is no name of a variable: letters, digits and _, not a digit first
  vars: {PATH: x, LD_PRELOAD: x, IFS: x, RELEASE: x, stage: x, a-b: x, 9a: x}
                                                                       ^~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
env: {HOME: x, BASH_ENV: x, HOST: x}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:7: 'HOME' is refused: it would change how commands themselves run
  env: {HOME: x, BASH_ENV: x, HOST: x}
        ^~~~
deploy.yml:4:16: 'BASH_ENV' is refused: it would change how commands themselves run
  env: {HOME: x, BASH_ENV: x, HOST: x}
                 ^~~~~~~~
deploy.yml:4:29: 'HOST' is set by the tool for every command
  env: {HOME: x, BASH_ENV: x, HOST: x}
                              ^~~~
)");
}

TEST_CASE("a rate is a number of bytes, with a unit or not, and no crumb", "[recipe]") {
  for (const auto& [text, rate] : std::map<std::string, std::uint64_t>{{"0", 0},         {"1000", 1000},       {"1k", 1000},        {"500kB", 500'000},
                                                                       {"5M", 5'000'000}, {"5MB", 5'000'000},   {"7mb", 7'000'000},  {"123456B", 123'456},
                                                                       {"1G", 1'000'000'000}, {"1000GB", 1'000'000'000'000}}) {
    CAPTURE(text);
    CHECK(to_rate(text) == rate);
  }
  for (const std::string text : {"", "5", "999", "5 MB", "-5M", "1.5M", "5MiB", "5T", "B", "kB", "1001G", "99999999999999999999", "5MBs", "0x10k"}) {
    CAPTURE(text);
    CHECK_FALSE(to_rate(text));
  }
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
limit_rate: 5
source: {directory: dist}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:13: '5' is no rate: bytes per second, from 1k to 1000G, such as 500k or 5MB; 0 for no limit
  limit_rate: 5
              ^
)");
}

TEST_CASE("a release is compressed by what is known, or not at all", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
compression: xz
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:14: 'xz' is no way to compress a release: auto, zstd, gzip or none is
  compression: xz
               ^~
)");
}

TEST_CASE("a shared or copied path stays inside, and is none of our own names", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
shared: {directories: [../log], files: [a/../../b]}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:24: '../log' climbs out with '..'
  shared: {directories: [../log], files: [a/../../b]}
                         ^~~~~~
deploy.yml:4:41: 'a/../../b' climbs out with '..'
  shared: {directories: [../log], files: [a/../../b]}
                                          ^~~~~~~~~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:18: '/etc/passwd' must be relative, without a '/' at its start
  shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
                   ^~~~~~~~~~~
deploy.yml:4:31: an empty path
  shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
                                ^~
deploy.yml:4:35: '.' names the release itself
  shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
                                    ^~~
deploy.yml:4:40: '.kirikae' is a name of the tool's own
  shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
                                         ^~~~~~~~~~~~~
deploy.yml:4:55: 'REVISION' is a name of the tool's own
  shared: {files: [/etc/passwd, "", ".", .kirikae/lock, REVISION]}
                                                        ^~~~~~~~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
copied: [x/..]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:10: 'x/..' climbs out with '..'
  copied: [x/..]
           ^~~~
)");
}

TEST_CASE("paths that get in the way of one another are refused", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
shared: {directories: [log, tmp/, log], files: [log/a, tmp]}
copied: [./tmp/x]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:35: 'log' is listed twice: it is a shared directory already
  shared: {directories: [log, tmp/, log], files: [log/a, tmp]}
                                    ^~~
  keep one of the two
deploy.yml:4:49: 'log/a' lies inside of the shared directory 'log'
  shared: {directories: [log, tmp/, log], files: [log/a, tmp]}
                                                  ^~~~~
  keep one of the two
deploy.yml:4:56: 'tmp' is listed twice: it is a shared directory already
  shared: {directories: [log, tmp/, log], files: [log/a, tmp]}
                                                         ^~~
  keep one of the two
deploy.yml:5:10: 'tmp/x' lies inside of the shared directory 'tmp'
  copied: [./tmp/x]
           ^~~~~~~
  keep one of the two
)");
}

TEST_CASE("a stage may not be called like a command", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {rollback: {hosts: [a]}, "a b": {hosts: [b]}, production: {hosts: [c]}}
)") ==
        R"(deploy.yml:4:10: 'rollback' can't be the name of a stage: the word is kept for a command of the tool
  stages: {rollback: {hosts: [a]}, "a b": {hosts: [b]}, production: {hosts: [c]}}
           ^~~~~~~~
deploy.yml:4:34: 'a b' is no stage's name: letters, digits and - _ .
  stages: {rollback: {hosts: [a]}, "a b": {hosts: [b]}, production: {hosts: [c]}}
                                   ^~~~~
)");
}

TEST_CASE("a source is a directory, an archive or a commit, with what belongs to it", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:9: 'source' has neither 'directory' nor 'archive' nor 'git'
  source: {}
          ^
  such as `directory: dist`
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {directory: a, archive: b}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:33: 'source' has both 'directory' and 'archive'
  source: {directory: a, archive: b}
                                  ^
  keep one; a stage takes the other away by `directory: null`
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {directory: a, sha256: 0000000000000000000000000000000000000000000000000000000000000000}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:32: 'sha256' does nothing with 'directory'
  source: {directory: a, sha256: 0000000000000000000000000000000000000000000000000000000000000000}
                                 ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
  remove it; a stage takes it away by `sha256: null`
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {directory: a, strip: 1}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:31: 'strip' does nothing with 'directory'
  source: {directory: a, strip: 1}
                                ^
  remove it; a stage takes it away by `strip: null`
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {archive: a, exclude: [b]}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:31: 'exclude' does nothing with 'archive'
  source: {archive: a, exclude: [b]}
                                ^
  remove it; a stage takes it away by `exclude: null`
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {archive: a, sha256: 12}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:30: '12' is no SHA-256: 64 hex digits
  source: {archive: a, sha256: 12}
                               ^~
)");
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {directory: ~bob/x}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:3:21: '~bob/x' names another user's home: only '~/' is understood
  source: {directory: ~bob/x}
                      ^~~~~~
)");
  const auto error_of = [](const std::string& source) {
    const std::string text = errors_of("application: a\ndeploy_to: /x\nsource: {" + source + "}\nstages: {production: {hosts: [a]}}\n");
    return text.substr(0, text.find('\n'));
  };
  CHECK(error_of("directory: a, git: {}") == "deploy.yml:3:29: 'source' has both 'directory' and 'git'");
  CHECK(error_of("git: {}, exclude: [b]") == "deploy.yml:3:28: 'exclude' does nothing with 'git'");
  CHECK(error_of("git: {revision: --output=x}") == "deploy.yml:3:26: '--output=x' begins with '-', as no branch, tag or commit does");
  CHECK(error_of("git: --upload-pack=x") == "deploy.yml:3:15: '--upload-pack=x' begins with '-'");
  for (const std::string url : {"ext::sh -c x", "ext::sh", "fd::17/x", "ftp://h/x", "ssh://-oProxyCommand=x/y", "ssh://a@-x/y", "a@-oProxyCommand=x:y", "-x:y"}) {
    CAPTURE(url);
    CHECK(error_of("git: \"" + url + "\"") == "deploy.yml:3:15: '" + url +
                                                 "' is no URL that is fetched from: those with ssh://, https://, http://, git:// and file:// are, and name@host:path");
  }
}

TEST_CASE("a command may not be empty, nor leave the release", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: "", b: {run: " "}, c: {run: x, dir: ../y}, d: {run: x, dir: /y}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: an empty command
  tasks: {a: "", b: {run: " "}, c: {run: x, dir: ../y}, d: {run: x, dir: /y}}
             ^~
deploy.yml:4:25: an empty command
  tasks: {a: "", b: {run: " "}, c: {run: x, dir: ../y}, d: {run: x, dir: /y}}
                          ^~~
deploy.yml:4:48: '../y' climbs out with '..'
  tasks: {a: "", b: {run: " "}, c: {run: x, dir: ../y}, d: {run: x, dir: /y}}
                                                 ^~~~
deploy.yml:4:72: '/y' must be relative, without a '/' at its start
  tasks: {a: "", b: {run: " "}, c: {run: x, dir: ../y}, d: {run: x, dir: /y}}
                                                                         ^~
)");
}

TEST_CASE("what sends a release is one of three words, and rsync sends directories", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: /srv/x
source: {archive: d.tar}
transfer: rsync
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:11: rsync sends a directory, and 'source' is an archive
  transfer: rsync
            ^~~~~
  set `transfer: delta`, or build into a folder and deploy that
)");
  CHECK(errors_of(R"(application: a
deploy_to: /srv/x
source: {git: .}
transfer: rsync
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:11: rsync sends a directory, and 'source' is a git commit
  transfer: rsync
            ^~~~~
  set `transfer: delta`, or build into a folder and deploy that
)");
  CHECK(errors_of(R"(application: a
deploy_to: /srv/x
source: {directory: d}
transfer: scp
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:11: 'scp' is no way to send a release: delta, tarball or rsync is
  transfer: scp
            ^~~
)");
}

TEST_CASE("what carries sessions is one of three words, for all hosts and for one", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: /srv/x
source: {directory: d}
ssh: {transport: ssh}
stages: {production: {hosts: [{address: a, transport: OpenSSH}]}}
)") ==
        R"(deploy.yml:4:18: 'ssh' carries no sessions: libssh2, openssh or auto does
  ssh: {transport: ssh}
                   ^~~
deploy.yml:5:55: 'OpenSSH' carries no sessions: libssh2, openssh or auto does
  stages: {production: {hosts: [{address: a, transport: OpenSSH}]}}
                                                        ^~~~~~~
)");
}

TEST_CASE("what becomes of unknown host keys is one of two words, and files have a key of their own", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: /srv/x
source: {directory: d}
ssh: {known_hosts: ~/.ssh/known_hosts}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:20: '~/.ssh/known_hosts' is neither strict nor accept-new; files with host keys are named by known_hosts_file
  ssh: {known_hosts: ~/.ssh/known_hosts}
                     ^~~~~~~~~~~~~~~~~~
)");
}

}  // namespace kirikae::recipe
