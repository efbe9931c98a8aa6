import { Schema } from "effect"
import { listUpTo, requiredField, UserIdInput } from "./Input.ts"

/** How many users are read in one call at most. */
export const maxUsers = 1000

/** Which users are asked for; one that is named twice is answered once. */
export const UsersInput = Schema.Struct({
  user_ids: listUpTo(UserIdInput, maxUsers).annotateKey(requiredField)
}).annotate({ identifier: "UsersInput", description: "The ids of the users to read, at most 1,000." })
