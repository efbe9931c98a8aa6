import { StaffAccounts } from "@user-service/core/accounts/StaffAccounts"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Username } from "@user-service/domain/User"
import { EmailInput } from "@user-service/schema/Input"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as Accounts from "./Accounts.ts"
import * as Database from "./Database.ts"
import * as NewPassword from "./NewPassword.ts"

/** A user with `is_staff`, who may administer others. */
export const createSuperuser = Command.make(
  "create-superuser",
  {
    email: Flag.String("email").pipe(Flag.withDescription("The address to log in with"), Flag.withSchema(EmailInput)),
    username: Flag.String("username").pipe(
      Flag.withDescription("The name to be shown by; made from the address when absent"),
      Flag.withSchema(Username),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ email, username }) {
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
).pipe(
  Command.withDescription(
    "Creates a user with staff rights. The password is asked for without echo; where there is no terminal it is read " +
      "from standard input, and where SUPERUSER_PASSWORD is set it is taken from there. The database is the one that " +
      "migrate brings up to date."
  ),
  Command.withShortDescription("Create a user with staff rights"),
  Command.withExamples([
    { command: "cli create-superuser --email ada@example.com", description: "Ask for the password" },
    { command: "cli create-superuser --email ada@example.com <password.txt", description: "Read the password" }
  ]),
  Command.provide(Accounts.layer),
  Command.provide(Database.layer)
)
