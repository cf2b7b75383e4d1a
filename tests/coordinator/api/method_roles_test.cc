#include "coordinator/api/method_roles.h"

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "halfpipe/v1/jobs.pb.h"
#include "halfpipe/v1/stages.pb.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// "/halfpipe.v1.TrainingService/CreateJob", ... out of the protocol itself.
std::set<std::string> DeclaredMethods() {
  std::set<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CreateJobRequest::descriptor()->file(),
        v1::RegisterRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        methods.insert(absl::StrCat("/", service->full_name(), "/",
                                    service->method(m)->name()));
      }
    }
  }
  return methods;
}

// Somebody who adds an RPC decides here whom it is for; until then nobody may
// call it.
TEST(MethodRolesTest, EveryMethodOfTheProtocolHasARow) {
  std::set<std::string> rows;
  for (const absl::string_view method : MethodsWithRoles()) {
    EXPECT_TRUE(rows.insert(std::string(method)).second) << method;
  }
  const std::set<std::string> declared = DeclaredMethods();
  EXPECT_GE(declared.size(), 11u);
  for (const std::string& method : declared) {
    EXPECT_TRUE(rows.contains(method))
        << method << " has no row in coordinator/api/method_roles.cc";
  }
  for (const std::string& row : rows) {
    if (!absl::StartsWith(row, "/halfpipe.")) continue;
    EXPECT_TRUE(declared.contains(row)) << row << " is no method any more";
  }
}

TEST(MethodRolesTest, AMethodWithoutARowIsClosedToEverybody) {
  for (const Role role :
       {Role::kRead, Role::kSubmit, Role::kAdmin, Role::kStage}) {
    for (const char* method : {"/halfpipe.v1.TrainingService/DropAllJobs", "",
                               "/", "/halfpipe.v1.TrainingService/getjob"}) {
      EXPECT_TRUE(absl::IsPermissionDenied(CheckRole(method, role))) << method;
    }
  }
}

TEST(MethodRolesTest, EachRoleMayWhatItIsFor) {
  const auto may = [](absl::string_view method, Role role) {
    return CheckRole(absl::StrCat("/halfpipe.v1.", method), role).ok();
  };
  EXPECT_TRUE(may("TrainingService/WatchJob", Role::kRead));
  EXPECT_FALSE(may("TrainingService/CreateJob", Role::kRead));
  EXPECT_FALSE(may("TrainingService/CancelJob", Role::kRead));
  EXPECT_TRUE(may("TrainingService/CreateJob", Role::kSubmit));
  EXPECT_TRUE(may("TrainingService/CreateJob", Role::kAdmin));
  for (const char* call : {"StageService/Register", "StageService/NextCommand",
                           "StageService/Report", "StageService/Heartbeat"}) {
    EXPECT_TRUE(may(call, Role::kStage)) << call;
    for (const Role role : {Role::kRead, Role::kSubmit, Role::kAdmin}) {
      EXPECT_FALSE(may(call, role)) << call;
    }
  }
  // A stage is no client.
  for (const absl::string_view method : MethodsWithRoles()) {
    if (absl::StrContains(method, "TrainingService")) {
      EXPECT_FALSE(CheckRole(method, Role::kStage).ok()) << method;
    }
  }
}

TEST(MethodRolesTest, ARefusalNamesRoleAndMethod) {
  const absl::Status refused =
      CheckRole("/halfpipe.v1.TrainingService/CreateJob", Role::kRead);
  EXPECT_THAT(refused.message(), HasSubstr("role read"));
  EXPECT_THAT(refused.message(), HasSubstr("TrainingService/CreateJob"));
}

}  // namespace
}  // namespace halfpipe
