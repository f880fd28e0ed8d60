// What the system's ssh says of a connection, as OpenSSH 9.2 says it.
#include "ssh/openssh_log.h"

#include <string>

#include "support/catch.h"

namespace kirikae::ssh {
namespace {

const std::string greeted = "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1\r\n";

}  // namespace

TEST_CASE("a good login tells the host's key and that it went well") {
  const OpensshLog log = read_openssh_log(
      "debug1: Connection established.\r\n" + greeted + "debug1: Server host key: ssh-ed25519 SHA256:HmcT+xC\r\n"
      "Warning: Permanently added '[127.0.0.1]:43022' (ED25519) to the list of known hosts.\r\n"
      "debug1: Next authentication method: none\r\ndebug1: Next authentication method: publickey\r\n"
      "Authenticated to 127.0.0.1 ([127.0.0.1]:43022) using \"publickey\".\r\n"
      "debug1: Entering interactive session.\r\n");
  CHECK(log.greeted);
  CHECK(log.logged_in);
  CHECK(log.host_key == "SHA256:HmcT+xC");
  CHECK(log.new_key == "Permanently added '[127.0.0.1]:43022' (ED25519) to the list of known hosts.");
  CHECK(log.complaint.empty());
  CHECK(read_openssh_log("debug1: Server host certificate: ssh-ed25519-cert-v01@openssh.com SHA256:HmcT, serial 0\n").host_key == "SHA256:HmcT");
}

TEST_CASE("a login that went well although a key did not sign is told as such") {
  const std::string in = "debug1: Entering interactive session.\r\n";
  CHECK_FALSE(read_openssh_log(in).signing_failed);
  CHECK(read_openssh_log("sign_and_send_pubkey: signing failed for ECDSA \"deploy\": error in libcrypto\r\n" + in).signing_failed);
}

TEST_CASE("the line that says most about a failure is its complaint, and has its kind") {
  struct Case {
    std::string lines, complaint;
    ErrorCode code;
  };
  const auto one = GENERATE(
      Case{"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\n"
           "Host key for [127.0.0.1]:4 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n",
           "Host key for [127.0.0.1]:4 has changed and you have requested strict checking.", ErrorCode::host_key},
      Case{"deploy@web1: Permission denied (publickey).\r\n", "deploy@web1: Permission denied (publickey).", ErrorCode::auth},
      Case{"Connection timed out during banner exchange\r\nConnection to 10.255.255.1 port 22 timed out\r\n",
           "Connection timed out during banner exchange", ErrorCode::timeout},
      Case{"Timeout, server web1 not responding.\r\n", "Timeout, server web1 not responding.", ErrorCode::timeout},
      Case{"first\r\nssh: connect to host 127.0.0.1 port 1: Connection refused\r\n", "ssh: connect to host 127.0.0.1 port 1: Connection refused",
           ErrorCode::connect},
      Case{"a\x1b[2Jb\r\nTransferred: sent 1, received 2 bytes, in 0.3 seconds\r\n", "a?[2Jb", ErrorCode::connect});
  const OpensshLog log = read_openssh_log(one.lines);
  CHECK(log.complaint == one.complaint);
  CHECK(log.code == one.code);
  CHECK_FALSE(log.greeted);
  CHECK_FALSE(log.logged_in);
}

}  // namespace kirikae::ssh
