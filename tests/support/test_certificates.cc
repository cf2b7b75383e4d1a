#include "support/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Key NewKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void AddExtension(X509* certificate, X509* issuer, int id,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  HP_CHECK(extension != nullptr);
  HP_CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// Without extensions and signature; the issuer is itself until it is set.
Certificate NewCertificate(const std::string& name, EVP_PKEY* key,
                           absl::Time not_before, absl::Time not_after) {
  Certificate certificate(X509_new(), &X509_free);
  uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()),
                absl::ToTimeT(not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()),
                absl::ToTimeT(not_after));
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

std::unique_ptr<std::FILE, FileCloser> OpenForWriting(const std::string& path) {
  std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "we"));
  HP_CHECK(file != nullptr);
  HP_CHECK(chmod(path.c_str(), 0600) == 0);
  return file;
}

void Write(const std::string& path, X509* certificate) {
  HP_CHECK(PEM_write_X509(OpenForWriting(path).get(), certificate) == 1);
}

}  // namespace

struct TestAuthority::Keys {
  Key key = NewKey();
  Certificate certificate = {nullptr, &X509_free};
};

TestAuthority::TestAuthority(std::string directory, std::string name)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      ca_file_(absl::StrCat(directory_, "/", name_, ".crt")),
      keys_(std::make_unique<Keys>()) {
  keys_->certificate =
      NewCertificate(name_, keys_->key.get(), absl::Now() - absl::Hours(24),
                     absl::Now() + absl::Hours(24));
  X509* own = keys_->certificate.get();
  AddExtension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(own, own, NID_subject_key_identifier, "hash");
  HP_CHECK(X509_sign(own, keys_->key.get(), EVP_sha256()) > 0);
  Write(ca_file_, own);
}

TestAuthority::~TestAuthority() = default;

TlsFiles TestAuthority::Issue(const std::string& name, absl::Time not_after,
                              absl::Time not_before) const {
  const std::string stem = absl::StrCat(directory_, "/", name_, "-", name);
  const TlsFiles files{
      .certificate = stem + ".crt", .key = stem + ".key", .ca = ca_file_};
  const Key key = NewKey();
  const Certificate leaf =
      NewCertificate(name, key.get(), not_before, not_after);
  X509* issuer = keys_->certificate.get();
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer));
  AddExtension(leaf.get(), issuer, NID_subject_alt_name,
               "DNS:localhost,IP:127.0.0.1");
  HP_CHECK(X509_sign(leaf.get(), keys_->key.get(), EVP_sha256()) > 0);
  Write(files.certificate, leaf.get());
  HP_CHECK(PEM_write_PrivateKey(OpenForWriting(files.key).get(), key.get(),
                                nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return files;
}

}  // namespace halfpipe
