import * as Environment from "@user-service/runtime/Environment"
import * as Keys from "@user-service/security/Keys"
import { type Config, Effect, Layer } from "effect"
import * as Settings from "./Settings.ts"

/** The settings of the key file. A command reads them together with its own, so that one message names every wrong variable. */
export const settings = { environment: Settings.environment, keys: Keys.config }

interface KeyFile {
  readonly environment: Config.Success<typeof Settings.environment>
  readonly keys: Config.Success<typeof Keys.config>
}

/** The path of the key file, which must be named in production. */
export const pathOf = ({ environment, keys }: KeyFile): Effect.Effect<string, Environment.SettingsInvalid> =>
  environment === "production" && !keys.named
    ? Effect.fail(new Environment.SettingsInvalid({ problems: ["JWT_KEYS_FILE: required in production"] }))
    : Effect.succeed(keys.path)

/** The keys of the API, for commands that store or find keyed hashes. */
export const layerKeys = Layer.unwrap(
  Effect.gen(function* () {
    const keyFile = yield* Environment.read(settings)
    const path = yield* pathOf(keyFile)
    const isProduction = keyFile.environment === "production"
    return Keys.Keys.layerFile.pipe(
      Layer.provide(
        Layer.succeed(Keys.KeyFileSettings, {
          path,
          create: !isProduction,
          exposed: isProduction ? "refuse" : "warn"
        })
      )
    )
  })
)
