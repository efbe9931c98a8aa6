import { Role } from "@user-service/domain/Role"
import { EmailInput } from "@user-service/schema/Input"
import { Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

/** Gives a user a role, or takes it away. */
export const rolesSet = Command.make(
  "set",
  {
    email: Flag.String("email").pipe(
      Flag.withDescription("The e-mail address of the user, in any spelling"),
      Flag.withSchema(EmailInput)
    ),
    role: Flag.Literals("role", [...Role.literals, "none"]).pipe(
      Flag.withDescription("The role, or none to take it away")
    )
  },
  load(() => import("../RolesSet.ts"))
).pipe(
  Command.withDescription(
    "Sets the role of a user: a viewer sees users and the audit log, support also helps them, an admin may do everything. It takes " +
      "effect with the next request. The last active administrator keeps the role. Uses the same database as migrate."
  ),
  Command.withShortDescription("Set the role of a user"),
  Command.withExamples([
    { command: "cli roles set --email ada@example.com --role support", description: "Make a user a member of support" }
  ]),
  Command.provide(loadLayer(() => import("../RolesSet.ts")))
)
