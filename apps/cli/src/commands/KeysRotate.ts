import { Command } from "effect/cli"
import { load } from "./Program.ts"

/** Makes the first key file too, since production starts only where there is one. */
export const keysRotate = Command.make(
  "rotate",
  {},
  load(() => import("../KeysRotate.ts"))
).pipe(
  Command.withDescription(
    "Publishes the next signing key in JWT_KEYS_FILE (else jwt-keys.json in DATA_DIR) and makes that file where there is " +
      "none. The next key signs once every JWKS kept elsewhere has expired; the one before it stays published until the " +
      "last token it signed has ended. Running processes take the change up by themselves."
  ),
  Command.withShortDescription("Publish the next signing key, or make the key file")
)
