import { Layer } from "effect"
import { AuditHttp } from "./AuditHttp.ts"
import { StaffActsHttp } from "./StaffActsHttp.ts"
import { StaffOperationsHttp } from "./StaffOperationsHttp.ts"
import { StaffSessionHttp } from "./StaffSessionHttp.ts"
import { StaffUsersHttp } from "./StaffUsersHttp.ts"
import { UserSearchHttp } from "./UserSearchHttp.ts"
import { WhyHttp } from "./WhyHttp.ts"

/** The groups of endpoints for staff. */
export const AdminHttp = Layer.mergeAll(
  AuditHttp,
  StaffActsHttp,
  StaffOperationsHttp,
  StaffSessionHttp,
  StaffUsersHttp,
  UserSearchHttp,
  WhyHttp
)
