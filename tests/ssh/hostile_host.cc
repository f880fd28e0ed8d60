#include "ssh/hostile_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <regex>
#include <stdexcept>
#include <utility>

#include "core/digest.h"
#include "ssh/wire.h"
#include "support/listening.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {
namespace {

enum Kind : char {
  service_request = 5, service_accept = 6, kexinit = 20, newkeys = 21, ecdh_init = 30, ecdh_reply = 31, userauth_request = 50,
  userauth_success = 52, channel_open = 90, channel_open_confirmation = 91, channel_data = 94, channel_extended_data = 95, channel_request = 98,
  channel_success = 99,
};
constexpr std::size_t block = 16, mac_size = 32;
constexpr std::uint32_t window = 1U << 30U;
constexpr std::string_view greeting = "SSH-2.0-hostile";

const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* octets(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

std::string number_bytes(std::uint32_t number) {
  std::string bytes;
  ssh::append_number(bytes, number);
  return bytes;
}

std::string kexinit_message() {
  std::string message = std::string(1, kexinit) + std::string(16, 'c');
  for (const char* list : {"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""}) {
    ssh::append_string(message, list);
  }
  return message + std::string(5, '\0');
}

using Pkey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// Our half of an X25519 exchange, and the secret.
std::pair<std::string, std::string> agree(std::string_view theirs) {
  const Pkey ours(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
  const Pkey other(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, octets(theirs), theirs.size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(ours.get(), nullptr), EVP_PKEY_CTX_free);
  std::string half(32, '\0'), secret(32, '\0');
  std::size_t size = 32;
  EVP_PKEY_get_raw_public_key(ours.get(), octets(half), &size);
  EVP_PKEY_derive_init(context.get());
  EVP_PKEY_derive_set_peer(context.get(), other.get());
  EVP_PKEY_derive(context.get(), octets(secret), &size);
  return {half, secret};
}

}  // namespace

// aes128-ctr and hmac-sha2-256.
struct HostileHost::Peer::Way {
  Way(std::string_view key, std::string_view start, std::string mac_key) : mac(std::move(mac_key)) {
    EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_ctr(), nullptr, octets(key), octets(start));
  }
  std::string pass(std::string_view bytes) const {
    std::string passed(bytes.size(), '\0');
    int size = 0;
    EVP_EncryptUpdate(cipher.get(), octets(passed), &size, octets(bytes), static_cast<int>(bytes.size()));
    return passed;
  }
  [[nodiscard]] std::string seal(std::uint32_t number, std::string_view packet) const {
    const std::string text = number_bytes(number) + std::string(packet);
    std::string sum(mac_size, '\0');
    HMAC(EVP_sha256(), mac.data(), static_cast<int>(mac.size()), octets(text), text.size(), octets(sum), nullptr);
    return sum;
  }

  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  std::string mac;
};

HostileHost::Peer::Peer(int socket) : socket_(socket) {}
HostileHost::Peer::~Peer() = default;

bool HostileHost::Peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool HostileHost::Peer::read(std::string& bytes, std::size_t size) {
  bytes.resize(size);
  return size == 0 || ::recv(socket_, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

bool HostileHost::Peer::send(std::string_view payload) {
  const std::size_t padding = block + 4 - (payload.size() + 9) % block;
  std::string packet;
  ssh::append_string(packet, std::string(1, static_cast<char>(padding)) + std::string(payload) + std::string(padding, '\0'));
  const std::uint32_t number = counted_++;
  return write(out_ ? out_->pass(packet) + out_->seal(number, packet) : packet);
}

std::optional<std::string> HostileHost::Peer::receive() {
  std::string head, rest;
  if (!read(head, block)) return std::nullopt;
  if (in_) head = in_->pass(head);
  const std::size_t size = ssh::WireReader(head).number().value_or(0);
  if (size < block - 4 || size > 40'000 || !read(rest, size + 4 - block)) return std::nullopt;
  if (in_) rest = in_->pass(rest);
  std::string sum;
  if (in_ && !read(sum, mac_size)) return std::nullopt;
  ++received_;
  const std::string packet = head + rest;
  return packet.substr(5, size - 1 - static_cast<unsigned char>(packet[4]));
}

bool HostileHost::Peer::exchange_keys(const ssh::PrivateKey& key) {
  if (!write(std::string(greeting) + "\r\n")) return false;
  std::string their_greeting, letter;
  while (read(letter, 1) && letter != "\n") their_greeting += letter;
  if (their_greeting.ends_with('\r')) their_greeting.pop_back();
  const std::string ours = kexinit_message();
  if (!send(ours)) return false;
  const auto theirs = receive();
  const auto init = receive();
  if (!theirs || !init || init->front() != ecdh_init) return false;
  const std::string their_half(ssh::WireReader(std::string_view(*init).substr(1)).string().value_or(""));
  const auto [half, secret] = agree(their_half);

  std::string text, shared;
  for (const std::string_view part : {std::string_view(their_greeting), greeting, std::string_view(*theirs), std::string_view(ours),
                                      std::string_view(key.public_blob()), std::string_view(their_half), std::string_view(half)}) {
    ssh::append_string(text, part);
  }
  ssh::append_mpint(shared, secret);
  const std::string hash = sha256_bytes(text + shared);
  std::string signature, reply(1, ecdh_reply);
  ssh::append_string(signature, "ssh-ed25519");
  ssh::append_string(signature, *key.sign(hash, "ssh-ed25519"));
  for (const std::string& part : {key.public_blob(), half, signature}) ssh::append_string(reply, part);
  if (!send(reply) || !send(std::string(1, newkeys))) return false;
  const auto derived = [&](char letter_of, std::size_t size) { return sha256_bytes(shared + hash + letter_of + hash).substr(0, size); };
  out_ = std::make_unique<Way>(derived('D', block), derived('B', block), derived('F', mac_size));
  const auto over = receive();
  in_ = std::make_unique<Way>(derived('C', block), derived('A', block), derived('E', mac_size));
  return over && over->front() == newkeys;
}

bool HostileHost::Peer::await_step() {
  while (!asked_) {
    const auto message = receive();
    if (!message || !answer(*message)) return false;
  }
  return true;
}

// False: the client has gone.
bool HostileHost::Peer::answer(const std::string& message) {
  ssh::WireReader reader(std::string_view(message).substr(1));
  std::string reply;
  switch (message.front()) {
    case service_request:
      reply = std::string(1, service_accept);
      ssh::append_string(reply, "ssh-userauth");
      return send(reply);
    case userauth_request: return send(std::string(1, userauth_success));
    case channel_open:
      reader.string();
      channel_ = reader.number().value_or(0);
      reply = std::string(1, channel_open_confirmation);
      for (const std::uint32_t number : {channel_, channel_, window, 32'768U}) ssh::append_number(reply, number);
      return send(reply);
    case channel_request:
      reader.number();
      reader.string();
      return reader.byte().value_or(0) == 0 || send(std::string(1, channel_success) + number_bytes(channel_));
    case channel_data: reader.number(); return hear(reader.string().value_or(""));
    default: return true;
  }
}

bool HostileHost::Peer::hear(std::string_view bytes) {
  heard_ += bytes;
  std::smatch found;
  if (nonce_.empty()) {
    static const std::regex mode("control ([0-9a-f]{32})\n");
    if (!std::regex_search(heard_, found, mode)) return true;
    nonce_ = found[1];
    heard_.erase(0, static_cast<std::size_t>(found.position() + found.length()));
    if (!frame("hello 1") || !frame("hello 1", true)) return false;
  }
  static const std::regex step("(?:step|call) ([0-9]+) [0-9]+\n");
  if (!std::regex_search(heard_, found, step)) return true;
  asked_ = true;
  return frame("begin " + found[1].str());
}

bool HostileHost::Peer::say(std::string_view bytes, bool is_error) {
  std::string message(1, is_error ? channel_extended_data : channel_data);
  ssh::append_number(message, channel_);
  if (is_error) ssh::append_number(message, 1);
  ssh::append_string(message, bytes);
  return send(message);
}

bool HostileHost::Peer::frame(std::string_view words, bool is_error) {
  return say('\n' + nonce_ + ' ' + std::string(words) + '\n', is_error);
}

HostileHost::HostileHost(Act act)
    : act_(std::move(act)), identity_(SshdFixture::client_key()), key_(*ssh::make_ed25519(sha256_bytes("hostile"))), listener_(listening(port_)) {
  folder_.write("known_hosts", "[127.0.0.1]:" + std::to_string(port_) + " ssh-ed25519 " + to_base64(key_.public_blob()) + "\n");
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection.valid()) serve(std::move(connection));
    }
  });
}

HostileHost::~HostileHost() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
  const std::scoped_lock lock(mutex_);
  ::shutdown(connection_, SHUT_RDWR);
}

void HostileHost::serve(Fd connection) {
  const auto note = [this](int fd) {
    const std::scoped_lock lock(mutex_);
    connection_ = fd;
  };
  note(connection.get());
  Peer peer(connection.get());
  if (peer.exchange_keys(key_) && peer.await_step()) act_(peer);
  note(-1);
}

ssh::Settings HostileHost::settings(ssh::Carrier carrier) const {
  ssh::Settings settings;
  settings.carrier = carrier;
  settings.host.known_hosts = {folder_ / "known_hosts"};
  settings.host.identities = {identity_};
  settings.host.identities_given = settings.host.identities_required = true;
  return settings;
}

}  // namespace kirikae::test
