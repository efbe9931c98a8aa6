import { Username } from "@user-service/domain/User"
import { EmailInput } from "@user-service/schema/Input"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Creates a user with `is_staff`, who may administer others. */
export const createSuperuser = Command.make(
  "create-superuser",
  {
    email: Flag.String("email").pipe(
      Flag.withDescription("The e-mail address to log in with"),
      Flag.withSchema(EmailInput)
    ),
    username: Flag.String("username").pipe(
      Flag.withDescription("The username; derived from the address by default"),
      Flag.withSchema(Username),
      Flag.optional
    )
  },
  load(() => import("../CreateSuperuser.ts"))
).pipe(
  Command.withDescription(
    "Creates a user with staff rights. The password is read from SUPERUSER_PASSWORD if that is set, otherwise from the " +
      "terminal without echo, or from standard input if there is no terminal. Uses the same database as migrate."
  ),
  Command.withShortDescription("Create a user with staff rights"),
  Command.withExamples([
    { command: "cli create-superuser --email ada@example.com", description: "Prompt for the password" },
    {
      command: "cli create-superuser --email ada@example.com <password.txt",
      description: "Read the password from a file"
    }
  ]),
  Command.provide(loadLayer(() => import("../CreateSuperuser.ts")))
)
