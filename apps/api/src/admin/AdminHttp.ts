import { Layer } from "effect"
import { StaffActsHttp } from "./StaffActsHttp.ts"
import { StaffSessionHttp } from "./StaffSessionHttp.ts"
import { StaffUsersHttp } from "./StaffUsersHttp.ts"
import { WhyHttp } from "./WhyHttp.ts"

/** The groups of endpoints for staff. */
export const AdminHttp = Layer.mergeAll(StaffActsHttp, StaffSessionHttp, StaffUsersHttp, WhyHttp)
