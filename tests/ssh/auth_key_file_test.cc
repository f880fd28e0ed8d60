// Key files in every form that people have, without a host: what is read, what is asked for, what is refused.
#include "ssh/key_file.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>

#include <fstream>
#include <functional>
#include <memory>

#include "core/digest.h"
#include "ssh/auth_support.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/file_text.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

namespace {

std::string fingerprint_by_ssh_keygen(const std::string& file) {
  const std::string line = run_program({"ssh-keygen", "-lf", file}).output;
  const auto from = line.find("SHA256:");
  return line.substr(from, line.find(' ', from) - from);
}

KeyFile key_file_at(const std::string& path) {
  auto file = KeyFile::read(path);
  INFO((file ? "" : file.error().message));
  REQUIRE(file);
  REQUIRE(*file);
  return **std::move(file);
}

std::string armoured(const std::string& container) {
  return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + to_base64(container) + "\n-----END OPENSSH PRIVATE KEY-----\n";
}

// Changes a key file in OpenSSH's format.
void write_container(const std::string& path, const std::function<void(std::string&)>& change) {
  std::string text = file_text(path);
  text = text.substr(text.find('\n'), text.find("-----END") - text.find('\n'));
  std::erase(text, '\n');
  std::string container;
  REQUIRE(from_base64(text, container));
  change(container);
  std::ofstream(path) << armoured(container);
}

struct Form {
  const char* name;
  std::vector<std::string> options;
};

}  // namespace

TEST_CASE("keys of every kind are read in every form, encrypted or not") {
  const TempDir folder;
  const auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  std::vector<Form> plain{{"OpenSSH", {"-N", ""}}};
  std::vector<Form> encrypted;
  for (const char* cipher : {"aes256-ctr", "aes128-ctr", "aes192-ctr", "aes256-cbc", "aes256-gcm@openssh.com",
                             "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "3des-cbc"}) {
    encrypted.push_back({cipher, {"-N", passphrase, "-Z", cipher, "-a", "2"}});
  }
  encrypted.push_back({"as ssh-keygen does it by itself", {"-N", passphrase}});
  if (type != "ed25519") {  // which ssh-keygen writes in its own format only
    plain.push_back({"PEM", {"-N", "", "-m", "PEM"}});
    plain.push_back({"PKCS8", {"-N", "", "-m", "PKCS8"}});
    encrypted.push_back({"PEM", {"-N", passphrase, "-m", "PEM"}});
    encrypted.push_back({"PKCS8", {"-N", passphrase, "-m", "PKCS8"}});
  }
  const std::string expected = fingerprint_by_ssh_keygen(key_pair(type, "one"));
  for (const Form& form : plain) {
    INFO(type << " " << form.name);
    const KeyFile file = key_file_at(key_copy(folder, type, "one", form.options));
    CHECK_FALSE(file.encrypted());
    CHECK(fingerprint(file.public_blob()) == expected);
    const auto key = file.open({});
    REQUIRE(key);
    CHECK(fingerprint(key->public_blob()) == expected);
  }
  for (const Form& form : encrypted) {
    INFO(type << " encrypted, " << form.name);
    const KeyFile file = key_file_at(key_copy(folder, type, "one", form.options));
    CHECK(file.encrypted());
    CHECK(fingerprint(file.public_blob()) == expected);  // of a PEM file from the .pub beside it
    const auto key = file.open(passphrase);
    REQUIRE(key);
    CHECK(fingerprint(key->public_blob()) == expected);
    for (const char* wrong : {"wrong", ""}) {
      const auto refused = file.open(wrong);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == ErrorCode::auth);
    }
  }
}

TEST_CASE("a wrong passphrase that decrypts to something is still a wrong passphrase") {
  // One wrong passphrase of 256 leaves a sound padding behind what is no key; here "lucky" surely does.
  const TempDir folder;
  const std::string text(120, 'x');
  const std::string lucky = "lucky";
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> no_key(ASN1_OCTET_STRING_new(),
                                                                                     ASN1_OCTET_STRING_free);
  REQUIRE(ASN1_OCTET_STRING_set(no_key.get(), reinterpret_cast<const unsigned char*>(text.data()), 120) == 1);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  REQUIRE(PEM_ASN1_write_bio(reinterpret_cast<i2d_of_void*>(i2d_ASN1_OCTET_STRING), "EC PRIVATE KEY", bio.get(),
                             no_key.get(), EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>(lucky.data()), 5,
                             nullptr, nullptr) == 1);
  char* written = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &written));
  const auto refused = key_file_at(folder.write("key", std::string(written, size), 0600)).open(lucky);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::auth);
}

TEST_CASE("a PEM file by a cipher that is not known is no question of its passphrase") {
  const TempDir folder;
  const std::string text = file_text(key_copy(folder, "ecdsa", "one", {"-N", passphrase, "-m", "PEM"}));
  const auto begin = text.find("AES-128-CBC,");
  REQUIRE(begin != std::string::npos);
  // The one is no cipher at all, the other one that OpenSSL knows by name only, without its module of old ones.
  for (const char* cipher : {"ROT13,0123456789ABCDEF", "DES-CBC,0123456789ABCDEF"}) {
    std::string changed = text;
    const std::string path = folder.write("key", changed.replace(begin, text.find('\n', begin) - begin, cipher), 0600);
    const auto refused = key_file_at(path).open(passphrase);
    REQUIRE_FALSE(refused);
    CHECK(to_text(refused.error()) == "can't use '" + path + "': its format is not known here, or it is damaged\n" +
                                          "  convert it: ssh-keygen -p -Z aes256-ctr -f " + path);
  }
}

TEST_CASE("an ed25519 key in PKCS#8 form is read") {
  const TempDir folder;
  const std::string file = folder / "key";
  REQUIRE(run_program({"openssl", "genpkey", "-algorithm", "ed25519", "-out", file}).status == 0);
  const auto key = key_file_at(file).open({});
  REQUIRE(key);
  CHECK(key_type(key->public_blob()) == "ssh-ed25519");
}

TEST_CASE("without its public half beside it, an encrypted PEM file does not tell whose it is") {
  const TempDir folder;
  const std::string path = key_copy(folder, "rsa", "one", {"-N", passphrase, "-m", "PEM"});
  std::filesystem::remove(path + ".pub");
  CHECK(key_file_at(path).public_blob().empty());
}

TEST_CASE("a cipher that is not known is named, with the command that converts the key") {
  const TempDir folder;
  const std::string path = key_copy(folder, "ed25519", "one", {"-N", passphrase, "-Z", "aes256-ctr"});
  write_container(path,
                  [](std::string& container) { container.replace(container.find("aes256-ctr"), 10, "arcfour256"); });
  const auto refused = key_file_at(path).open(passphrase);
  REQUIRE_FALSE(refused);
  CHECK(to_text(refused.error()) == "can't use '" + path +
                                        "': it is encrypted with 'arcfour256', which is not known here\n"
                                        "  convert it: ssh-keygen -p -Z aes256-ctr -f " +
                                        path);
}

TEST_CASE("the file of a hardware key holds no key, and says so") {
  // As `ssh-keygen -t ed25519-sk` writes it, which needs the hardware.
  std::string blob;
  append_string(blob, "sk-ssh-ed25519@openssh.com");
  append_string(blob, std::string(32, 'p'));
  append_string(blob, "ssh:");
  std::string secret("chckchck");
  secret += blob + std::string("\x01", 1);
  append_string(secret, "handle");
  append_string(secret, "");
  append_string(secret, "me");
  for (char pad = 1; secret.size() % 8 != 0; ++pad) secret += pad;
  std::string container("openssh-key-v1\0", 15);
  for (const char* text : {"none", "none", ""}) append_string(container, text);
  append_number(container, 1);
  append_string(container, blob);
  append_string(container, secret);
  const TempDir folder;
  const std::string path = folder.write("id_sk", armoured(container), 0600);
  CHECK(fingerprint_by_ssh_keygen(path) == fingerprint(blob));  // a file as OpenSSH knows it
  const KeyFile file = key_file_at(path);
  CHECK(file.public_blob() == blob);
  CHECK(file.public_only());
  CHECK(file.hardware());
}

TEST_CASE("a private key that others can read is refused, as ssh does; its public half may be in an agent") {
  const TempDir folder;
  const std::string path = folder.write("id with space", file_text(key_pair("ed25519", "one")), 0640);
  const KeyFile file = key_file_at(path);
  REQUIRE(file.exposed());
  CHECK(fingerprint(file.public_blob()) == fingerprint_by_ssh_keygen(key_pair("ed25519", "one")));
  CHECK(to_text(*file.exposed()) ==
        "can't use '" + path + "': others can read this private key (mode 0640)\n  chmod 600 '" + path + "'");
}

TEST_CASE("files that are no private keys are told apart") {
  const TempDir folder;
  const auto why = [&](const std::string& content) {
    const auto file = KeyFile::read(folder.write("key", content, 0600));
    REQUIRE_FALSE(file);
    return file.error().message.substr(file.error().message.rfind("': ") + 3);
  };
  CHECK(why("hello\n") == "it holds no private key");
  CHECK(why("") == "it holds no private key");
  CHECK(why("PuTTY-User-Key-File-3: ssh-ed25519\n") == "it is in PuTTY's format");
  CHECK(why("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n") == "the file is damaged");
  CHECK(why("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") ==
        "its format is not known here, or it is damaged");
  CHECK(why("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") == "it holds no private key");

  const auto missing = KeyFile::read(folder / "missing");
  REQUIRE(missing);
  CHECK_FALSE(*missing);
}

TEST_CASE("a public key alone is read, from the file itself or from the .pub of one that is missing") {
  const TempDir folder;
  const std::string line = file_text(key_pair("ed25519", "one") + ".pub");
  const std::string expected = fingerprint_by_ssh_keygen(key_pair("ed25519", "one"));
  const std::string path = folder.write("id.pub", line);
  for (const std::string& given : {path, folder / "id"}) {
    const KeyFile file = key_file_at(given);
    CHECK(file.public_only());
    CHECK(fingerprint(file.public_blob()) == expected);
  }
}

TEST_CASE("an OpenSSH key that is cut off or changed anywhere is refused or opens as the same key") {
  const TempDir folder;
  const std::string whole = file_text(key_pair("ed25519", "one"));
  const std::string expected = key_file_at(key_pair("ed25519", "one")).public_blob();
  const auto is_sound = [&](const std::string& content) {
    const auto file = KeyFile::read(folder.write("key", content, 0600));
    if (!file || !*file || (*file)->public_only()) return true;
    const auto key = (*file)->open("x");
    return !key || key->public_blob() == expected || (*file)->public_blob() == key->public_blob();
  };
  for (std::size_t size = 0; size < whole.size(); size += 3) CHECK(is_sound(whole.substr(0, size)));
  for (std::size_t at = 40; at < whole.size() - 40; ++at) {
    std::string changed = whole;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CHECK(is_sound(changed));
  }
}
