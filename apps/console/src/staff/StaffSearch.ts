import { Role } from "@user-service/domain/Role"
import { Option, Schema } from "effect"

/** The orders of the staff. */
const StaffSort = Schema.Literals(["email", "-email", "last_login", "-last_login"])

const StaffLinkSearch = Schema.Struct({
  role: Schema.optionalKey(Role),
  sort: Schema.optionalKey(StaffSort),
  act: Schema.optionalKey(Schema.Literals(["invite", "role"])),
  /** The id of the user whose role changes. */
  target: Schema.optionalKey(Schema.String)
})

/** What the link of the staff has: the selected role, the order, and the open act. */
export type StaffLinkSearch = typeof StaffLinkSearch.Type

const decode = Schema.decodeUnknownOption(StaffLinkSearch)

/** The selection and the act in the query of a link. */
export const staffSearchIn = (search: Readonly<Record<string, unknown>>): StaffLinkSearch =>
  Option.getOrElse(decode(search), () => ({}))
