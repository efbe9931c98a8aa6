import { Schema } from "effect"

/** The roles of staff, each with the rights of those before it. */
const roles = ["viewer", "support", "admin"] as const

/** The role of a member of staff. Users have none. */
export const Role = Schema.Literals(roles)
export type Role = typeof Role.Type

/** Whether the role has the rights of `required`. */
export const hasRole = (role: Role, required: Role): boolean => roles.indexOf(role) >= roles.indexOf(required)

/** The account has no role, or staff may not act from this network. It must not tell users from strangers that a route exists. */
export class NotStaff extends Schema.TaggedError<NotStaff>()("NotStaff", {}, { httpApiStatus: 404 }) {
  override get message() {
    return "No such route"
  }
}

/** The act requires a higher role. */
export class RoleTooLow extends Schema.TaggedError<RoleTooLow>()(
  "RoleTooLow",
  { required: Role },
  { httpApiStatus: 403 }
) {
  override get message() {
    return `This requires the role ${this.required}`
  }
}
