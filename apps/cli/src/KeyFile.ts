import { SettingsInvalid } from "@user-service/runtime/Environment"
import * as Keys from "@user-service/security/Keys"
import { type Config, Effect } from "effect"
import * as Settings from "./Settings.ts"

/** The settings of the key file. A command reads them together with its own, so that one message names every wrong variable. */
export const settings = { environment: Settings.environment, keys: Keys.config }

interface KeyFile {
  readonly environment: Config.Success<typeof Settings.environment>
  readonly keys: Config.Success<typeof Keys.config>
}

/** The path of the key file, which must be named in production. */
export const pathOf = ({ environment, keys }: KeyFile): Effect.Effect<string, SettingsInvalid> =>
  environment === "production" && !keys.named
    ? Effect.fail(new SettingsInvalid({ problems: ["JWT_KEYS_FILE: required in production"] }))
    : Effect.succeed(keys.path)
