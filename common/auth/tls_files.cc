#include "common/auth/tls_files.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxPemBytes = uint64_t{1} << 20;

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::Status Bad(absl::string_view what, const std::string& path,
                 absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", path, ": ", why));
}

absl::StatusOr<std::string> ReadPem(absl::string_view what,
                                    const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPemBytes);
  if (!text.ok()) return Bad(what, path, text.status().message());
  return text;
}

Memory MemoryOf(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
          &BIO_free};
}

absl::StatusOr<Certificate> ReadCertificate(absl::string_view what,
                                            const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadPem(what, path));
  Certificate certificate(
      PEM_read_bio_X509(MemoryOf(text).get(), nullptr, nullptr, nullptr),
      &X509_free);
  ERR_clear_error();
  if (certificate == nullptr) {
    return Bad(what, path,
               "has no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return certificate;
}

// An encrypted key would make OpenSSL ask at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<Key> ReadKey(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadPem("the key", path));
  Key key(PEM_read_bio_PrivateKey(MemoryOf(text).get(), nullptr, NoPassword,
                                  nullptr),
          &EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) {
    return Bad("the key", path,
               "has no private key in PEM form, or one with a password; take "
               "the password off and protect the file instead");
  }
  return key;
}

absl::Status CheckTimes(const X509* certificate, const std::string& path,
                        absl::Time now) {
  std::time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notAfter(certificate), &seconds) <= 0) {
    return Bad("the certificate", path,
               "has expired; put a new one in its place");
  }
  if (X509_cmp_time(X509_get0_notBefore(certificate), &seconds) > 0) {
    return Bad("the certificate", path,
               "is not valid yet; is this machine's clock right?");
  }
  return absl::OkStatus();
}

absl::Status CheckIdentity(const TlsFiles& files, absl::Time now) {
  HP_ASSIGN_OR_RETURN(const Certificate certificate,
                      ReadCertificate("the certificate", files.certificate));
  HP_ASSIGN_OR_RETURN(const Key key, ReadKey(files.key));
  HP_RETURN_IF_ERROR(CheckPrivate(files.key, "the key"));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Bad(
        "the key", files.key,
        absl::StrCat("is not that of the certificate ", files.certificate));
  }
  return CheckTimes(certificate.get(), files.certificate, now);
}

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

absl::Status CheckPrivate(const std::string& path, absl::string_view what) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return absl::OkStatus();
  if ((info.st_mode & S_IRWXO) != 0) {
    return Bad(
        what, path,
        absl::StrCat("everybody on this machine may read it: chmod ",
                     (info.st_mode & S_IRWXG) != 0 ? "640" : "600", " ", path));
  }
  if ((info.st_mode & S_IRWXG) != 0) {
    LogWarning("a group may read a secret file", {{"file", path}});
  }
  return absl::OkStatus();
}

absl::Status CheckTlsFiles(const TlsFiles& files, absl::Time now) {
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        files.key.empty() ? absl::StrCat("the certificate ", files.certificate,
                                         " is given without its key")
                          : absl::StrCat("the key ", files.key,
                                         " is given without its certificate"));
  }
  if (!files.certificate.empty()) HP_RETURN_IF_ERROR(CheckIdentity(files, now));
  if (files.ca.empty()) return absl::OkStatus();
  return ReadCertificate("the CA certificates", files.ca).status();
}

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
