import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import type { ExposurePolicy } from "@user-service/security/KeyFile"
import { config, type NamedKey, ServiceKeys, ServiceKeySettings, weaknesses } from "@user-service/security/ServiceKeys"
import {
  ConfigProvider,
  Context,
  Effect,
  Exit,
  FileSystem,
  Layer,
  Logger,
  Option,
  Redacted,
  Result,
  type Scope
} from "effect"
import { TestClock } from "effect/testing"
import { hash } from "node:crypto"

const key = "Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"
const other = "mT9wZ5rN8cB1dF6gH4jL0sVq3uYp7xK2"
const named = (name: string, text: string): NamedKey => ({ name, key: Redacted.make(text) })

const open = (keys: ReadonlyArray<NamedKey>, file?: string, exposed: ExposurePolicy = "refuse") =>
  Effect.map(
    Layer.build(
      ServiceKeys.layer.pipe(
        Layer.provide(
          Layer.succeed(ServiceKeySettings, {
            named: keys,
            file: Option.fromUndefinedOr(file),
            exposed,
            pollInterval: "5 millis"
          })
        )
      )
    ),
    (context) => Context.get(context, ServiceKeys)
  )

const run = <A, E>(test: Effect.Effect<A, E, Scope.Scope | FileSystem.FileSystem>) =>
  test.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

const inFile = <A, E>(
  keys: unknown,
  test: (
    path: string,
    write: (keys: unknown) => Effect.Effect<void>
  ) => Effect.Effect<A, E, Scope.Scope | FileSystem.FileSystem>
) =>
  run(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/service-keys.json`
      const write = (keys: unknown) =>
        // Whole or not at all.
        fs
          .writeFileString(`${path}.next`, JSON.stringify(keys), { mode: 0o600 })
          .pipe(Effect.andThen(fs.rename(`${path}.next`, path)), Effect.orDie)
      yield* write(keys)
      return yield* test(path, write)
    })
  )

const entry = (text: string, more: Readonly<Record<string, unknown>> = {}) => ({
  name: "gateway",
  sha256: hash("sha256", text),
  scopes: ["users"],
  ...more
})

describe("ServiceKeys", () => {
  it.effect("a key from the settings has every scope", () =>
    run(
      Effect.gen(function* () {
        const keys = yield* open([named("gateway", key), named("sender", other)])
        const { name, scopes } = yield* keys.authenticate(key)
        assert.strictEqual(name, "gateway")
        assert.deepStrictEqual([...scopes], ["introspect", "users", "tokens", "deliveries"])
        assert.strictEqual((yield* keys.authenticate(other)).name, "sender")
      })
    )
  )

  it.effect("an absent, an empty and a nearly equal key are refused, each with its reason", () =>
    run(
      Effect.gen(function* () {
        const keys = yield* open([named("gateway", key)])
        const reasonOf = (shown: string | undefined) =>
          Effect.map(Effect.flip(keys.authenticate(shown)), (error) => error.reason)
        assert.strictEqual(yield* reasonOf(undefined), "missing")
        assert.strictEqual(yield* reasonOf(""), "missing")
        for (const wrong of [`${key} `, key.toLowerCase(), key.slice(1), hash("sha256", key), "gateway"]) {
          assert.strictEqual(yield* reasonOf(wrong), "unknown")
        }
      })
    )
  )

  it.effect("without configured keys every key is refused", () =>
    run(
      Effect.gen(function* () {
        const keys = yield* open([])
        assert.isTrue(Exit.isFailure(yield* Effect.exit(keys.authenticate(key))))
      })
    )
  )

  it.effect("a key from the file is accepted for its scopes until it expires", () =>
    inFile([entry(key, { not_after: "1970-01-01T01:00:00+00:30" })], (path) =>
      Effect.gen(function* () {
        const keys = yield* open([], path)
        assert.strictEqual((yield* keys.authenticate(key)).name, "gateway")
        assert.deepStrictEqual([...(yield* keys.authenticate(key)).scopes], ["users"])
        yield* TestClock.adjust("30 minutes")
        assert.strictEqual((yield* keys.authenticate(key)).name, "gateway")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Effect.flip(keys.authenticate(key))).message, "The API key has expired")
      })
    )
  )

  it.live("a running process uses a changed file, and keeps the last valid keys if the file is broken", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => logged.push(String(message)))
    return inFile([entry(key)], (path, write) =>
      Effect.gen(function* () {
        const keys = yield* open([named("sender", other)], path)
        yield* write([entry(key, { sha256: hash("sha256", "next") })])
        yield* Effect.yieldNow.pipe(
          Effect.andThen(Effect.exit(keys.authenticate("next"))),
          Effect.repeat({ until: Exit.isSuccess })
        )
        assert.strictEqual((yield* Effect.flip(keys.authenticate(key))).message, "The API key is not valid")
        yield* write([entry(key, { name: "sender" })])
        yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 1 }))
        assert.strictEqual((yield* keys.authenticate("next")).name, "gateway")
        assert.strictEqual((yield* keys.authenticate(other)).name, "sender")
        assert.deepStrictEqual(logged, [
          "The service keys have changed",
          `The key file ${path} (SERVICE_API_KEYS_FILE) is ambiguous: sender is named twice; the last good keys stay in force`
        ])
      })
    ).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect(
    "a file that every user of the machine can write is refused in production and used with a warning elsewhere",
    () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => logged.push(String(message)))
      return inFile([entry(key)], (path) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          yield* fs.chmod(path, 0o666)
          const sentence =
            `The key file ${path} (SERVICE_API_KEYS_FILE) has mode 0666, so that every user of the machine can write it: ` +
            `\`chmod 600 ${path}\` mends it`
          assert.strictEqual((yield* Effect.flip(open([], path))).message, sentence)
          assert.deepStrictEqual(logged, [])
          yield* (yield* open([], path, "warn")).authenticate(key)
          assert.deepStrictEqual(logged, [sentence])
        })
      ).pipe(Effect.provide(Logger.layer([logger])))
    }
  )

  it.effect("an invalid file is an error at the start that names the field without its content", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [keys: unknown, place: string]> = [
        [{}, ""],
        [[entry(key, { sha256: "CANARY" })], ": [0].sha256 is missing or wrong"],
        [[entry(other), entry(key, { scopes: ["CANARY"] })], ": [1].scopes[0] is missing or wrong"],
        [[entry(key, { not_after: "tomorrow" })], ": [0].not_after is missing or wrong"],
        [[entry(key, { not_after: "2026-11-31T00:00:00Z" })], ": [0].not_after is missing or wrong"],
        [[entry(key, { name: "a b" })], ": [0].name is missing or wrong"],
        [[{ name: "a" }], ": [0].sha256 is missing or wrong"]
      ]
      for (const [keys, place] of wrong) {
        yield* inFile(keys, (path) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(open([], path))
            assert.strictEqual(
              error.message,
              `The key file ${path} (SERVICE_API_KEYS_FILE) is not a list of service keys${place}`
            )
          })
        )
      }
      const absent = yield* run(Effect.flip(open([], "/nowhere/keys.json")))
      assert.strictEqual(absent.message, "The key file /nowhere/keys.json (SERVICE_API_KEYS_FILE) does not exist")
    })
  )

  it.effect("names and keys must be unique, within the file and together with the settings", () =>
    Effect.gen(function* () {
      const problemOf = (keys: ReadonlyArray<NamedKey>, file: unknown) =>
        inFile(file, (path) => Effect.map(Effect.flip(open(keys, path)), (error) => error.problem))
      assert.strictEqual(yield* problemOf([], [entry(key), entry(other)]), "is ambiguous: gateway is named twice")
      assert.strictEqual(
        yield* problemOf([named("sender", key)], [entry(key)]),
        "is ambiguous: sender and gateway have the same key"
      )
    })
  )
})

describe("config", () => {
  const read = (environment: Readonly<Record<string, string>>) =>
    config.pipe(
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment)),
      Effect.result
    )

  it.effect("keys are written as name:key separated by commas, and a key may contain colons", () =>
    Effect.gen(function* () {
      const settings = Result.getOrThrow(yield* read({ SERVICE_API_KEYS: `gateway:${key}, sender:a:b,` }))
      assert.deepStrictEqual(
        settings.named.map(({ key, name }) => [name, Redacted.value(key)]),
        [
          ["gateway", key],
          ["sender", "a:b"]
        ]
      )
      assert.notInclude(JSON.stringify(settings), key)
      assert.deepStrictEqual(Result.getOrThrow(yield* read({})).named, [])
    })
  )

  it.effect("an error message does not contain the key", () =>
    Effect.gen(function* () {
      const refused = [
        ["CANARY", "must be name:key, with commas between; item 1 is not"],
        ["gateway:x,:CANARY", "must be name:key, with commas between; item 2 is not"],
        ["gateway:", "must be name:key, with commas between; item 1 is not"],
        ["gateway:CAN ARY", "must be name:key, with commas between; item 1 is not"],
        ["gateway:x,gateway:CANARY", "gateway is named twice"],
        ["gateway:CANARY,sender:CANARY", "gateway and sender have the same key"]
      ] as const
      for (const [written, problem] of refused) {
        const failed = yield* Effect.flip(Effect.fromResult(yield* read({ SERVICE_API_KEYS: written })))
        assert.include(failed.message, problem)
        assert.notInclude(failed.message, "CANARY")
      }
    })
  )

  it("weak keys are reported by their names", () => {
    assert.deepStrictEqual(weaknesses([named("gateway", key), named("sender", "short-CANARY")]), [
      "the key of sender must have at least 32 bytes"
    ])
  })
})
