import { Layer } from "effect"
import { StaffSessionHttp } from "./StaffSessionHttp.ts"
import { StaffUsersHttp } from "./StaffUsersHttp.ts"

/** The groups of endpoints for staff. */
export const AdminHttp = Layer.mergeAll(StaffSessionHttp, StaffUsersHttp)
