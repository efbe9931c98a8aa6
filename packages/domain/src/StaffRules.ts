import { Schema } from "effect"
import { hasRole, type Role, RoleTooLow } from "./Role.ts"
import type { UserId } from "./User.ts"

/** What a member of staff does to an account. `change` is anything that takes the account neither its role nor its use. */
export type AccountAct =
  | { readonly kind: "change" | "disable" | "erase" }
  | { readonly kind: "set_role"; readonly role: Role | null }

/** An account, as it is under the locks of the act. */
export interface AccountAuthority {
  readonly userId: UserId
  /** Null for users who are not staff. */
  readonly role: Role | null
  readonly isActive: boolean
}

/** The roles that acts require which concern no existing account. */
export const serviceActRoles = {
  invite: "admin",
  replay_dead_letter: "support",
  discard_dead_letter: "support",
  end_all_sessions: "admin"
} as const satisfies Record<string, Role>

/** What a member of staff does to the service, not to an account. */
export type ServiceAct = keyof typeof serviceActRoles

/** Nobody changes their own role, nor disables or erases themself. */
export class OwnAccountProtected extends Schema.TaggedError<OwnAccountProtected>()(
  "OwnAccountProtected",
  {},
  { httpApiStatus: 403 }
) {
  override get message() {
    return "Another administrator has to do this to your account"
  }
}

/** The act would leave the service without an active administrator. */
export class LastAdministrator extends Schema.TaggedError<LastAdministrator>()(
  "LastAdministrator",
  {},
  { httpApiStatus: 409 }
) {
  override get message() {
    return "This is the last administrator"
  }
}

/** Why an act is refused. */
export type ActRefusal = RoleTooLow | OwnAccountProtected | LastAdministrator

/** The role that the act on an account requires. */
export const requiredRole = (act: AccountAct, target: AccountAuthority): Role =>
  target.role !== null || act.kind === "erase" || act.kind === "set_role" ? "admin" : "support"

/** The account of the member of staff who acts, among those that were found. One who was erased since has no rights. */
export const actorOf = (userId: UserId, found: ReadonlyArray<AccountAuthority>): AccountAuthority =>
  found.find((account) => account.userId === userId) ?? { userId, role: null, isActive: false }

/** Why the role of the actor does not suffice for the act, or undefined if it does. */
export const roleRefusalOf = (
  act: AccountAct,
  actor: AccountAuthority,
  target: AccountAuthority
): RoleTooLow | undefined => refusalWithout(requiredRole(act, target), actor)

/** Why the role of the actor does not suffice for an act that concerns no account, or undefined if it does. */
export const serviceRefusalOf = (act: ServiceAct, actor: AccountAuthority): RoleTooLow | undefined =>
  refusalWithout(serviceActRoles[act], actor)

const refusalWithout = (required: Role, actor: AccountAuthority): RoleTooLow | undefined =>
  actor.isActive && actor.role !== null && hasRole(actor.role, required) ? undefined : new RoleTooLow({ required })

/** Whether the account can act as an administrator. */
const isAdministrator = ({ isActive, role }: AccountAuthority): boolean => isActive && role === "admin"

/** Whether the act takes from an account what makes it that of an administrator. */
export const endsAdministrator = (act: AccountAct): boolean =>
  act.kind === "set_role" ? act.role !== "admin" : act.kind !== "change"

/** The accounts that an act concerns. */
export interface ActParties {
  /** The member of staff who acts. Null for an operator at the command line, who may do anything but remove the last admin. */
  readonly actor: AccountAuthority | null
  readonly target: AccountAuthority
  /** How many active administrators there are besides the target. */
  readonly otherAdministrators: number
}

/** Why the act is refused, or undefined if it is allowed. */
export const refusalOf = (act: AccountAct, parties: ActParties): ActRefusal | undefined => {
  const { actor, otherAdministrators, target } = parties
  const roleRefusal = actor === null ? undefined : roleRefusalOf(act, actor, target)
  if (roleRefusal !== undefined) return roleRefusal
  if (actor?.userId === target.userId && act.kind !== "change") return new OwnAccountProtected()
  if (isAdministrator(target) && endsAdministrator(act) && otherAdministrators === 0) return new LastAdministrator()
  return undefined
}
