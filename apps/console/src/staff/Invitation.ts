import { InviteInput } from "@user-service/schema/http/admin/StaffActsApi"
import { Effect } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import type { ActField, ActValues } from "../ui/ReasonForm.tsx"

/** The fields of an invitation, by their names in the API. */
export const invitationFields: ReadonlyArray<ActField> = [
  { name: "email", label: "E-mail address", type: "email", value: "", isRequired: true },
  { name: "first_name", label: "First name", type: "text", value: "" },
  { name: "last_name", label: "Last name", type: "text", value: "" },
  { name: "username", label: "Username", type: "text", value: "", hint: "Empty for one made from the address." },
  { name: "phone_number", label: "Phone number", type: "tel", value: "" }
]

/** Creates a user, who gets a mail to set a password. */
export const invite = ({ reason, values }: ActValues) => {
  const { email = "", ...others } = values
  const entered = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== ""))
  return run(
    Effect.flatMap(decodeInput(InviteInput)({ reason, email, ...entered }), (payload) =>
      api["admin-acts"].invite({ payload })
    )
  )
}
