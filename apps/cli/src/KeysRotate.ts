import { SessionSettings } from "@user-service/core/SessionSettings"
import * as Environment from "@user-service/runtime/Environment"
import * as Keys from "@user-service/security/Keys"
import { Console, Context, DateTime, Duration, Effect, FileSystem, Layer } from "effect"
import * as KeyFile from "./KeyFile.ts"

const read = Effect.gen(function* () {
  const { sessions, ...keyFile } = yield* Environment.read({
    ...KeyFile.settings,
    sessions: SessionSettings.config
  })
  return { path: yield* KeyFile.pathOf(keyFile), accessLifetime: sessions.accessLifetime }
})

const create = Effect.fnUntraced(function* (path: string) {
  const settings = Layer.succeed(Keys.KeyFileSettings, { path, create: true, exposed: "warn" })
  const keys = Context.get(yield* Layer.build(Layer.provide(Keys.Keys.layerFile, settings)), Keys.Keys)
  yield* Console.log(`Made ${path}, which did not exist: key ${keys.current().access[0].kid} signs at once`)
}, Effect.scoped)

const rotate = Effect.fnUntraced(function* (path: string, accessLifetime: Duration.Duration) {
  const { kid, signsFrom } = yield* Keys.rotateFile(path, Duration.toSeconds(accessLifetime))
  const from = DateTime.formatIso(DateTime.makeUnsafe(signsFrom * 1000))
  yield* Console.log(`Published key ${kid} in ${path}: it signs from ${from}, until then the one before it`)
})

/** Publishes the next signing key, or creates the key file. */
export const run = Effect.fnUntraced(function* () {
  const files = yield* FileSystem.FileSystem
  const { accessLifetime, path } = yield* read
  yield* (yield* files.exists(path)) ? rotate(path, accessLifetime) : create(path)
})
