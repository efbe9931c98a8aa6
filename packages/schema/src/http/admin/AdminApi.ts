import { HttpApi } from "effect/http-api"
import { AuditApi } from "./AuditApi.ts"
import { StaffActsApi } from "./StaffActsApi.ts"
import { StaffOperationsApi } from "./StaffOperationsApi.ts"
import { StaffSessionApi } from "./StaffSessionApi.ts"
import { StaffUsersApi } from "./StaffUsersApi.ts"
import { UserSearchApi } from "./UserSearchApi.ts"
import { WhyApi } from "./WhyApi.ts"

/** The endpoints for staff, without the rest of the HTTP API: the console loads the schemas of these only. */
export class AdminApi extends HttpApi.make("user-service-admin").add(
  AuditApi,
  StaffActsApi,
  StaffOperationsApi,
  StaffSessionApi,
  StaffUsersApi,
  UserSearchApi,
  WhyApi
) {}
