import { Role } from "@user-service/domain/Role"
import { StaffUserInput } from "@user-service/schema/http/admin/StaffUsersApi"
import { Effect } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import type { ActField, ActValues } from "../ui/ReasonForm.tsx"
import type { UserView } from "./UserQuery.ts"

const roleOf = (text: string | undefined): Role | null => Role.literals.find((role) => role === text) ?? null

/** The change of a user's role, on the page of the user and in the list of the staff. */
export const roleAct = {
  label: "Change role",
  effect: ({ role, user }: UserView): string =>
    `${user.email} has ${role === null ? "no role" : `the role ${role}`}. The change takes effect at once, also where they are signed in.`,
  fields: ({ role }: UserView): ReadonlyArray<ActField> => [
    { name: "role", label: "Role", type: "choice", options: Role.literals, none: "no role", value: role ?? "" }
  ],
  /** Does it, and says what has happened. */
  perform: async ({ user }: UserView, { reason, values }: ActValues): Promise<string> => {
    const role = roleOf(values["role"])
    await run(
      Effect.flatMap(decodeInput(StaffUserInput)({ reason, role }), (payload) =>
        api["admin-users"].update({ params: { id: user.id }, payload })
      )
    )
    return role === null ? `${user.email} has no role any more.` : `${user.email} has the role ${role}.`
  }
}
