import { Layer } from "effect"
import { StaffSessionHttp } from "./StaffSessionHttp.ts"

/** The groups of endpoints for staff. */
export const AdminHttp = Layer.mergeAll(StaffSessionHttp)
