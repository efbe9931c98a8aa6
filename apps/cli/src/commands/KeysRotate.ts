import { Command } from "effect/cli"
import { load } from "./Program.ts"

/** Also creates the first key file, without which the service does not start in production. */
export const keysRotate = Command.make(
  "rotate",
  {},
  load(() => import("../KeysRotate.ts"))
).pipe(
  Command.withDescription(
    "Publishes the next signing key in JWT_KEYS_FILE (by default jwt-keys.json in DATA_DIR), or creates that file. The next " +
      "key signs once every cached JWKS has expired. The previous key stays published until the last token that it signed has " +
      "expired. Running processes reload the file."
  ),
  Command.withShortDescription("Publish the next signing key, or create the key file")
)
