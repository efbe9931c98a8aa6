import { Username } from "@user-service/domain/User"
import { EmailInput } from "@user-service/schema/Input"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

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
  load(() => import("../CreateSuperuser.ts"))
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
  Command.provide(loadLayer(() => import("../CreateSuperuser.ts")))
)
