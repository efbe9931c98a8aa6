import { Schema } from "effect"
import { listUpTo, requiredField, UserIdInput } from "./Input.ts"

/** The maximum number of users in one call. */
export const maxUsers = 1000

/** The users to read. Duplicates are returned once. */
export const UsersInput = Schema.Struct({
  user_ids: listUpTo(UserIdInput, maxUsers).annotateKey(requiredField)
}).annotate({ identifier: "UsersInput", description: "The ids of the users to read, at most 1,000." })
