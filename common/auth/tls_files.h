// The files of a TLS identity, checked before a library that would only say
// "handshake failed" gets them.
#ifndef HP_COMMON_AUTH_TLS_FILES_H_
#define HP_COMMON_AUTH_TLS_FILES_H_

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace halfpipe {

// PEM files. Empty: none.
struct TlsFiles {
  std::string certificate = {};  // this side's, with the chain behind it
  std::string key = {};          // its private key, without a password
  std::string ca = {};  // who may have signed the other side's certificate

  [[nodiscard]] bool empty() const {
    return certificate.empty() && key.empty() && ca.empty();
  }
};

// Certificate and key are there together or not at all; each file can be read
// and parsed, the key is the certificate's, the certificate is valid at `now`,
// and nobody but owner and group may read the key (a group is warned of in the
// log). InvalidArgument: the file and what to do.
[[nodiscard]] absl::Status CheckTlsFiles(const TlsFiles& files, absl::Time now);

// Whether others than the owner and its group are kept from reading the file:
// InvalidArgument, which says how to change it. A group that may read it gives
// a warning in the log. `what` is the file's name in messages: "the key".
[[nodiscard]] absl::Status CheckPrivate(const std::string& path,
                                        absl::string_view what);

// The hosts that a certificate is for. Thread-safe; copies share the
// certificate.
class CertificateNames {
 public:
  // The first certificate of a PEM file. InvalidArgument: there is none; codes
  // of ReadFile.
  [[nodiscard]] static absl::StatusOr<CertificateNames> Read(
      const std::string& path);

  // Whether it is for this host name, by its alternative names and wildcards,
  // else by its common name: what TLS clients ask.
  [[nodiscard]] bool Cover(const std::string& host) const;

  // One that Cover, or TLS with an address, takes: the first alternative name
  // of a host or an address, else the common name. A wildcard gets a word.
  // Empty: it has none.
  [[nodiscard]] std::string First() const;

 private:
  explicit CertificateNames(std::shared_ptr<X509> certificate)
      : certificate_(std::move(certificate)) {}

  std::shared_ptr<X509> certificate_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_TLS_FILES_H_
