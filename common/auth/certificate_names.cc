#include "common/auth/certificate_names.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

std::string HostOf(std::string name) {
  if (absl::StartsWith(name, "*.")) name.replace(0, 1, "halfpipe");
  return name;
}

// Of the 4 or 16 bytes that a certificate has.
std::string IpAddressText(const std::string& bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return "";
  inet_ntop(family, bytes.data(), text, sizeof(text));
  return text;
}

}  // namespace

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

std::string CertificateNames::First() const {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
          certificate_.get(), NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get());
       ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) return HostOf(TextOf(name->d.dNSName));
    if (name->type == GEN_IPADD) {
      return IpAddressText(TextOf(name->d.iPAddress));
    }
  }
  char common[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate_.get()),
                            NID_commonName, common, sizeof(common));
  return HostOf(common);
}

}  // namespace halfpipe
