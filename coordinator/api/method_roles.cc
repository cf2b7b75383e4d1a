#include "coordinator/api/method_roles.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// A set of roles, one bit each.
using Roles = unsigned;

constexpr Roles Bit(Role role) { return 1U << static_cast<unsigned>(role); }

constexpr Roles kAdmins = Bit(Role::kAdmin);
constexpr Roles kSubmitters = kAdmins | Bit(Role::kSubmit);
constexpr Roles kReaders = kSubmitters | Bit(Role::kRead);
constexpr Roles kStages = Bit(Role::kStage);
constexpr Roles kEverybody = kReaders | kStages;

struct Row {
  absl::string_view method;
  Roles roles;
};

constexpr Row kTable[] = {
    {"/halfpipe.v1.TrainingService/CreateJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/GetJob", kReaders},
    {"/halfpipe.v1.TrainingService/ListJobs", kReaders},
    {"/halfpipe.v1.TrainingService/WatchJob", kReaders},
    {"/halfpipe.v1.TrainingService/CancelJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/ResumeJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/PauseJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/SaveJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/DeleteJob", kSubmitters},
    {"/halfpipe.v1.TrainingService/GetTrace", kReaders},
    {"/halfpipe.v1.TrainingService/CreatePageTicket", kReaders},
    {"/halfpipe.v1.TrainingService/GetServerInfo", kReaders},
    {"/halfpipe.v1.StageService/Register", kStages},
    {"/halfpipe.v1.StageService/NextCommand", kStages},
    {"/halfpipe.v1.StageService/Report", kStages},
    {"/halfpipe.v1.StageService/Heartbeat", kStages},
    {"/grpc.health.v1.Health/Check", kEverybody},
    {"/grpc.health.v1.Health/Watch", kEverybody},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kAdmins},
};

}  // namespace

absl::Status CheckRole(absl::string_view method, Role role) {
  for (const Row& row : kTable) {
    if (row.method != method) continue;
    if ((row.roles & Bit(role)) != 0) return absl::OkStatus();
    break;
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "a token with the role ", RoleName(role), " may not call ", method));
}

std::vector<absl::string_view> MethodsWithRoles() {
  std::vector<absl::string_view> methods;
  methods.reserve(std::size(kTable));
  for (const Row& row : kTable) methods.push_back(row.method);
  return methods;
}

}  // namespace halfpipe
