import { Role } from "@user-service/domain/Role"
import { Schema } from "effect"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

/** The orders of the staff. */
const StaffSort = Schema.Literals(["email", "-email", "last_login", "-last_login"])

const StaffLinkSearch = Schema.Struct({
  role: linkPart(Role),
  sort: linkPart(StaffSort),
  act: linkPart(Schema.Literals(["invite", "role"])),
  /** The id of the user whose role changes. */
  target: linkPart(Schema.String)
})

/** What the link of the staff has: the selected role, the order, and the open act. */
export type StaffLinkSearch = typeof StaffLinkSearch.Type

/** The selection and the act in the query of a link. */
export const staffSearchIn = linkParts(StaffLinkSearch)
