import { Schema } from "effect"

/** The roles of staff, each with the rights of those before it. */
const roles = ["viewer", "support", "admin"] as const

/** The role of a member of staff. Users have none. */
export const Role = Schema.Literals(roles)
export type Role = typeof Role.Type

/** Whether the role has the rights of `required`. */
export const hasRole = (role: Role, required: Role): boolean => roles.indexOf(role) >= roles.indexOf(required)
