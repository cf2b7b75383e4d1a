// The hosts that a certificate is for.
#ifndef HP_COMMON_AUTH_CERTIFICATE_NAMES_H_
#define HP_COMMON_AUTH_CERTIFICATE_NAMES_H_

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// Thread-safe; copies share the certificate.
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

#endif  // HP_COMMON_AUTH_CERTIFICATE_NAMES_H_
