import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { config, KeyFileSettings, Keys, rotateFile } from "@user-service/security/Keys"
import type { ExposurePolicy } from "@user-service/security/KeyFile"
import * as KeySet from "@user-service/security/KeySet"
import { ConfigProvider, Context, Effect, FileSystem, Layer, Logger, Option, Stream } from "effect"
import { execFileSync } from "node:child_process"
import process from "node:process"

const inDirectory = <A, E>(
  test: (path: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, FileSystem.FileSystem>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return yield* test(`${yield* fs.makeTempDirectoryScoped()}/data/keys.json`, fs)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

const open = (path: string, create: boolean, exposed: ExposurePolicy = "refuse") =>
  Effect.map(
    Layer.build(
      Keys.layerFile.pipe(
        Layer.provide(Layer.succeed(KeyFileSettings, { path, create, exposed, pollInterval: "5 millis" }))
      )
    ),
    (context) => Context.get(context, Keys)
  )

const rotatedRing = (keys: Keys["Service"]) =>
  keys.changes.pipe(
    Stream.filter((ring) => ring.access.length > 1),
    Stream.runHead
  )

describe("layerFile", () => {
  it.effect("a missing file is created, accessible only to its owner", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        const keys = yield* open(path, true)
        assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o600)
        assert.strictEqual(yield* fs.readFileString(path), KeySet.format(keys.current().set))
        assert.deepStrictEqual(yield* fs.readDirectory(path.replace("/keys.json", "")), ["keys.json"])
      }).pipe(Effect.scoped)
    )
  )

  it.effect("an existing file stays unchanged", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const before = yield* open(path, true)
        const after = yield* open(path, true)
        assert.deepStrictEqual(after.current().set, before.current().set)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("processes that start at the same time use the same keys", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const all = yield* Effect.all(
          Array.from({ length: 8 }, () => open(path, true)),
          { concurrency: 8 }
        )
        assert.strictEqual(new Set(all.map((keys) => keys.current().set.refresh.idSecret)).size, 1)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("if keys must not be created, a missing file is an error with its path", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(open(path, false))
        assert.strictEqual(
          error.message,
          `The key file ${path} (JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR) does not exist: \`npm run cli -- keys rotate\` makes it`
        )
      }).pipe(Effect.scoped)
    )
  )

  it.effect("if the file cannot be created, the error contains the setting and the message of the system", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        yield* open(path, true)
        const error = yield* Effect.flip(open(`${path}/deep/keys.json`, true))
        assert.match(
          error.message,
          /^The key file \S+ \(JWT_KEYS_FILE, else jwt-keys\.json in DATA_DIR\) cannot be (read|written): ENOTDIR: not a directory, /
        )
      }).pipe(Effect.scoped)
    )
  )

  it.effect("a file without a valid key set is an error at the start", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.writeFileString(path, "{}")
        assert.strictEqual((yield* Effect.flip(open(path, true))).problem, "is not a key set")
      }).pipe(Effect.scoped)
    )
  )

  it.effect("a folder, a device or a pipe is an immediate error at the start", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(`${path}/folder`, { recursive: true })
        if (process.platform !== "win32") execFileSync("mkfifo", [`${path}/pipe`])
        for (const other of yield* fs.readDirectory(path)) {
          const error = yield* Effect.flip(open(`${path}/${other}`, true))
          assert.strictEqual(error.problem, "is not a regular file")
          assert.include(error.message, "JWT_KEYS_FILE")
        }
      }).pipe(Effect.scoped)
    )
  )

  it.live("a running process uses the keys of a rotation", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const keys = yield* open(path, true)
        const before = keys.current()
        const { kid } = yield* rotateFile(path, 3600)
        const ring = yield* Effect.map(rotatedRing(keys), Option.getOrThrow)
        assert.deepStrictEqual(
          ring.access.map((key) => key.kid),
          [before.access[0].kid, kid]
        )
        assert.deepStrictEqual(ring.set.refresh, before.set.refresh)
        assert.strictEqual(keys.current(), ring)
      }).pipe(Effect.scoped)
    )
  )

  it.live(
    "with a broken file the last valid keys stay in use, which is logged once, until the file is valid again",
    () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Error") logged.push(String(message))
      })
      return inDirectory((path, fs) =>
        Effect.gen(function* () {
          const keys = yield* open(path, true)
          const good = keys.current()
          yield* fs.writeFileString(path, "{")
          yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 0 }))
          yield* fs.remove(path)
          yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 1 }))
          assert.strictEqual(keys.current(), good)
          const mended = KeySet.rotate(good.set, KeySet.makeKeyPair(), { now: 0, accessLifetimeSeconds: 1 })
          yield* fs.writeFileString(path, KeySet.format(mended), { mode: 0o600 })
          assert.deepStrictEqual((yield* Effect.map(rotatedRing(keys), Option.getOrThrow)).set, mended)
          assert.deepStrictEqual(logged, [
            `The key file ${path} (JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR) is not a key set; the last good keys stay in force`,
            `The key file ${path} (JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR) does not exist; the last good keys stay in force`
          ])
        }).pipe(Effect.scoped)
      ).pipe(Effect.provide(Logger.layer([logger])))
    }
  )
})

const where = "(JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR)"

describe("a key file that others can read or write", () => {
  it.effect.each([
    [0o604, "every user of the machine can read it"],
    [0o644, "every user of the machine can read it"],
    [0o602, "every user of the machine can write it"],
    [0o666, "every user of the machine can write it"],
    [0o620, "its group can write it"],
    [0o660, "its group can write it"]
  ] as const)("with mode %o is refused at the start, with the command that corrects it", ([mode, reason]) =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.chmod(path, mode)
        const { message } = yield* Effect.flip(open(path, false))
        const octal = mode.toString(8)
        assert.strictEqual(
          message,
          `The key file ${path} ${where} has mode 0${octal}, so that ${reason}: \`chmod 600 ${path}\` mends it`
        )
      }).pipe(Effect.scoped)
    )
  )

  it.effect.each([0o600, 0o400, 0o440, 0o640])("with mode %o is accepted, because its group may read it", (mode) =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.chmod(path, mode)
        yield* open(path, false)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("behind a link is checked by the mode of the target, as in a mounted secret", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.symlink(path, `${path}.link`)
        yield* open(`${path}.link`, false)
        yield* fs.chmod(path, 0o644)
        assert.match((yield* Effect.flip(open(`${path}.link`, false))).message, / has mode 0644, /)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is restricted to its owner if the service created it, and otherwise used with a warning", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => logged.push(`${logLevel}: ${String(message)}`))
    return inDirectory((path, fs) =>
      Effect.gen(function* () {
        const modeOf = Effect.map(fs.stat(path), ({ mode }) => mode & 0o777)
        yield* open(path, true)
        yield* fs.chmod(path, 0o644)
        const sentence =
          `The key file ${path} ${where} has mode 0644, so that every user of the machine can read it: ` +
          `\`chmod 600 ${path}\` mends it`
        yield* open(path, true, "warn")
        assert.deepStrictEqual([yield* modeOf, logged], [0o644, [`Warn: ${sentence}`]])
        yield* open(path, true, "mend")
        assert.deepStrictEqual([yield* modeOf, logged.slice(1)], [0o600, [`Warn: ${sentence}, which was done`]])
      }).pipe(Effect.scoped)
    ).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.live("during a run leaves the last valid keys in use, which is logged once, until its mode is corrected", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Error") logged.push(String(message))
    })
    return inDirectory((path, fs) =>
      Effect.gen(function* () {
        const keys = yield* open(path, true)
        const good = keys.current()
        yield* fs.chmod(path, 0o644)
        yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 0 }))
        const planted = KeySet.rotate(good.set, KeySet.makeKeyPair(), { now: 0, accessLifetimeSeconds: 1 })
        yield* fs.writeFileString(path, KeySet.format(planted))
        yield* fs.rename(path, `${path}.taken`)
        yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 1 }))
        assert.strictEqual(keys.current(), good)
        yield* fs.rename(`${path}.taken`, path)
        yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => logged.length > 2 }))
        assert.strictEqual(keys.current(), good)
        yield* fs.chmod(path, 0o600)
        assert.deepStrictEqual((yield* Effect.map(rotatedRing(keys), Option.getOrThrow)).set, planted)
        const [first, , third] = logged
        assert.strictEqual(first, third)
        assert.strictEqual(
          first,
          `The key file ${path} ${where} has mode 0644, so that every user of the machine can read it: ` +
            `\`chmod 600 ${path}\` mends it; the last good keys stay in force`
        )
      }).pipe(Effect.scoped)
    ).pipe(Effect.provide(Logger.layer([logger])))
  })
})

describe("rotateFile", () => {
  it.effect(
    "a file that others can read is restricted to its owner, and one that its group may read keeps its mode",
    () =>
      inDirectory((path, fs) =>
        Effect.gen(function* () {
          yield* open(path, true)
          const modes: Array<number> = []
          for (const mode of [0o644, 0o660, 0o640, 0o440, 0o400]) {
            yield* fs.chmod(path, mode)
            yield* rotateFile(path, 3600)
            modes.push((yield* fs.stat(path)).mode & 0o777)
          }
          assert.deepStrictEqual(modes, [0o600, 0o600, 0o640, 0o640, 0o600])
        }).pipe(Effect.scoped)
      )
  )

  it.effect("behind a link the target is replaced", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.symlink(path, `${path}.link`)
        const { kid } = yield* rotateFile(`${path}.link`, 3600)
        assert.strictEqual(yield* fs.readLink(`${path}.link`), path)
        assert.include(yield* fs.readFileString(path), kid)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("the file stays accessible only to its owner", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* rotateFile(path, 3600)
        assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o600)
        assert.deepStrictEqual(yield* fs.readDirectory(path.replace("/keys.json", "")), ["keys.json"])
      }).pipe(Effect.scoped)
    )
  )
})

// Only root may give a file away.
describe.skipIf(process.getuid?.() !== 0)("rotateFile, as root", () => {
  it.effect("the file keeps its owner", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* open(path, true)
        yield* fs.chown(path, 12_345, 23_456)
        yield* rotateFile(path, 3600)
        const { gid, uid } = yield* fs.stat(path)
        assert.deepStrictEqual([uid, gid], [Option.some(12_345), Option.some(23_456)])
      }).pipe(Effect.scoped)
    )
  )
})

describe("config", () => {
  const read = (env: Record<string, string>) => config.parse(ConfigProvider.fromUnknown(env))

  it.effect("the path is that of the variable, or by default a file in the data directory", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({ JWT_KEYS_FILE: "/k.json" }), { path: "/k.json", named: true })
      assert.deepStrictEqual(yield* read({ DATA_DIR: "/d" }), { path: "/d/jwt-keys.json", named: false })
      assert.deepStrictEqual(yield* read({}), { path: ".data/jwt-keys.json", named: false })
    })
  )
})
