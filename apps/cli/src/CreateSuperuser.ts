import { StaffAccounts } from "@user-service/core/accounts/StaffAccounts"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import type { Email } from "@user-service/domain/Email"
import type { Username } from "@user-service/domain/User"
import { Console, Effect, Layer, type Option } from "effect"
import * as Accounts from "./Accounts.ts"
import * as Database from "./Database.ts"
import * as NewPassword from "./NewPassword.ts"

/** The accounts of the configured database. */
export const layer = Layer.provideMerge(Accounts.layer, Database.layer)

/** Creates a user with `is_staff` and prints the id. */
export const run = Effect.fnUntraced(function* ({
  email,
  username
}: {
  readonly email: Email
  readonly username: Option.Option<Username>
}) {
  yield* requireMigrated
  const password = yield* NewPassword.read
  const accounts = yield* StaffAccounts
  const id = yield* accounts.create({
    email,
    password,
    username,
    firstName: "",
    lastName: "",
    phoneNumber: null,
    emailEnabled: true,
    pushEnabled: true
  })
  yield* Console.log(`Created superuser ${email} with id ${id}`)
})
