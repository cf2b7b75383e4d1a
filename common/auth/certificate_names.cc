#include "common/auth/certificate_names.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<CertificateNames> CertificateNames::Read(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile(path, uint64_t{1} << 20));
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  std::shared_ptr<X509> certificate(
      PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), &X509_free);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds no certificate (PEM)"));
  }
  return CertificateNames(std::move(certificate));
}

bool CertificateNames::Cover(const std::string& host) const {
  // ".example" would stand for all hosts in it.
  if (host.empty() || host.front() == '.') return false;
  return X509_check_host(certificate_.get(), host.data(), host.size(), 0,
                         nullptr) == 1;
}

}  // namespace halfpipe
