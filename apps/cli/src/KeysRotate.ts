import { config as sessionConfig } from "@user-service/core/sessions/SessionSettings"
import * as Environment from "@user-service/domain/Environment"
import { config as keysConfig, Keys, rotateFile } from "@user-service/security/Keys"
import { Console, Context, DateTime, Duration, Effect, FileSystem, Layer } from "effect"
import { Command } from "effect/cli"
import * as Settings from "./Settings.ts"

const read = Effect.gen(function* () {
  const { environment, keys, sessions } = yield* Environment.read({
    environment: Settings.environment,
    keys: keysConfig,
    sessions: sessionConfig
  })
  return environment === "production" && !keys.named
    ? yield* new Environment.SettingsInvalid({ problems: ["JWT_KEYS_FILE: required in production"] })
    : { path: keys.path, accessLifetime: sessions.accessLifetime }
})

const create = Effect.fnUntraced(function* (path: string) {
  const keys = Context.get(yield* Layer.build(Keys.layerFile({ path, create: true })), Keys)
  yield* Console.log(`Made ${path}, which did not exist: key ${keys.current().access[0].kid} signs at once`)
}, Effect.scoped)

const rotate = Effect.fnUntraced(function* (path: string, accessLifetime: Duration.Duration) {
  const { kid, signsFrom } = yield* rotateFile(path, Duration.toSeconds(accessLifetime))
  const from = DateTime.formatIso(DateTime.makeUnsafe(signsFrom * 1000))
  yield* Console.log(`Published key ${kid} in ${path}: it signs from ${from}, until then the one before it`)
})

/** Makes the first key file too, since production starts only where there is one. */
export const keysRotate = Command.make(
  "rotate",
  {},
  Effect.fnUntraced(function* () {
    const files = yield* FileSystem.FileSystem
    const { accessLifetime, path } = yield* read
    yield* (yield* files.exists(path)) ? rotate(path, accessLifetime) : create(path)
  })
).pipe(
  Command.withDescription(
    "Publishes the next signing key in JWT_KEYS_FILE (else jwt-keys.json in DATA_DIR) and makes that file where there is " +
      "none. The next key signs once every JWKS kept elsewhere has expired; the one before it stays published until the " +
      "last token it signed has ended. Running processes take the change up by themselves."
  ),
  Command.withShortDescription("Publish the next signing key, or make the key file")
)
