// Certificates for tests, made in a moment and good for nothing else.
#ifndef HP_TESTS_SUPPORT_TEST_CERTIFICATES_H_
#define HP_TESTS_SUPPORT_TEST_CERTIFICATES_H_

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/auth/tls_files.h"

namespace halfpipe {

// Useful for TLS against a real server: an authority of one's own, and
// certificates for "localhost" and 127.0.0.1 that it has signed. Files go into
// the folder that it is made with.
class TestAuthority {
 public:
  // `name` is in its own certificate and in front of its files.
  TestAuthority(std::string directory, std::string name);
  ~TestAuthority();

  // Writes NAME.crt and NAME.key (mode 0600) and returns them with this
  // authority as the CA. `name` is the certificate's common name.
  [[nodiscard]] TlsFiles Issue(const std::string& name,
                               absl::Time not_after = absl::Now() +
                                                      absl::Hours(1),
                               absl::Time not_before = absl::Now() -
                                                       absl::Hours(1)) const;

  [[nodiscard]] const std::string& ca_file() const { return ca_file_; }

 private:
  struct Keys;

  std::string directory_;
  std::string name_;
  std::string ca_file_;
  std::unique_ptr<Keys> keys_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_TEST_CERTIFICATES_H_
