import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as DataDir from "@user-service/database/DataDir"
import { Effect, FileSystem, Logger } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"

const holder = fileURLToPath(new URL("DataDirHolder.ts", import.meta.url))

const inDirectory = <A, E>(
  test: (path: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, FileSystem.FileSystem>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return yield* test(`${yield* fs.makeTempDirectoryScoped()}/kept/data`, fs)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

const kill = (child: ChildProcess, signal: NodeJS.Signals) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, "exit")
    child.kill(signal)
    await gone
  })

/** Another process that wants the folder, and what it said of that; ends with the scope. */
const anotherProcess = Effect.fnUntraced(function* (path: string) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--conditions=@user-service/source", holder, path], {
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => kill(child, "SIGKILL")
  )
  const [said] = yield* Effect.promise(() => once(child.stdout, "data"))
  return { child, pid: child.pid ?? 0, said: String(said).trim() }
})

describe("DataDir.hold", () => {
  it.live.skipIf(!existsSync("/proc/self"))(
    "a folder that can never be created fails at once with its path, also below /proc",
    () =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(DataDir.lock("/proc/nowhere/data"))
        assert.strictEqual(
          message,
          "DATA_DIR /proc/nowhere/data cannot be used: ENOENT: no such file or directory, mkdir '/proc/nowhere'"
        )
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )

  it.live("a missing folder is created together with its parents, accessible only to its owner", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* DataDir.lock(path)
        const modes = yield* Effect.forEach([path, dirname(path)], (made) => fs.stat(made))
        assert.deepStrictEqual(
          modes.map(({ mode }) => mode & 0o777),
          [0o700, 0o700]
        )
      }).pipe(Effect.scoped)
    )
  )

  it.live(
    "a folder that an earlier release created is restricted to its owner, and a folder with other files keeps its mode",
    () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => logged.push(String(message)))
      return inDirectory((path, fs) =>
        Effect.gen(function* () {
          const held = Effect.andThen(
            Effect.scoped(DataDir.lock(path)),
            Effect.map(fs.stat(path), ({ mode }) => mode & 0o7777)
          )
          yield* fs.makeDirectory(`${path}/pglite`, { recursive: true })
          yield* fs.chmod(path, 0o755)
          assert.strictEqual(yield* held, 0o700)
          yield* fs.writeFileString(`${path}/notes`, "")
          yield* fs.chmod(path, 0o755)
          assert.strictEqual(yield* held, 0o755)
          yield* fs.chmod(path, 0o1777)
          assert.strictEqual(yield* held, 0o1777)
          assert.deepStrictEqual(logged, [])
          yield* fs.chmod(path, 0o777)
          assert.strictEqual(yield* held, 0o777)
          assert.deepStrictEqual(logged, [
            `DATA_DIR ${path} has mode 0777, so that others can replace what is in it: \`chmod 700 ${path}\` mends it`
          ])
        })
      ).pipe(Effect.provide(Logger.layer([logger])))
    }
  )

  it.live("a folder that another process holds is refused with the id of that process", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const other = yield* anotherProcess(path)
        assert.strictEqual(other.said, "held")
        const error = yield* Effect.flip(DataDir.lock(path))
        assert.deepStrictEqual(error, new DataDir.DataDirInUse({ path, pid: other.pid }))
        assert.strictEqual(error.message, `DATA_DIR ${path} is in use by process ${other.pid}`)
      }).pipe(Effect.scoped)
    )
  )

  it.live("a refused process leaves the claim of the holder unchanged and adds none of its own", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        const other = yield* anotherProcess(path)
        yield* Effect.flip(Effect.scoped(DataDir.lock(path)))
        assert.deepStrictEqual(yield* fs.readDirectory(path), [`process-${other.pid}.pid`])
        assert.strictEqual((yield* anotherProcess(path)).said, `in use by ${other.pid}`)
      }).pipe(Effect.scoped)
    )
  )

  it.live("a folder can be held again after its holder has released it", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* Effect.scoped(DataDir.lock(path))
        assert.deepStrictEqual(yield* fs.readDirectory(path), [])
        const other = yield* anotherProcess(path)
        assert.strictEqual(other.said, "held")
        yield* kill(other.child, "SIGTERM")
        assert.deepStrictEqual(yield* fs.readDirectory(path), [])
      }).pipe(Effect.scoped)
    )
  )

  it.live("a folder whose holder was killed can be held by the next process", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        const other = yield* anotherProcess(path)
        yield* kill(other.child, "SIGKILL")
        assert.deepStrictEqual(yield* fs.readDirectory(path), [`process-${other.pid}.pid`])
        yield* DataDir.lock(path)
        assert.deepStrictEqual(yield* fs.readDirectory(path), [`process-${process.pid}.pid`])
      }).pipe(Effect.scoped)
    )
  )

  it.live("a claim of a killed process with the same id, as in a container, does not refuse its successor", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(path, { recursive: true })
        yield* fs.writeFileString(`${path}/process-${process.pid}.pid`, "")
        yield* DataDir.lock(path)
      }).pipe(Effect.scoped)
    )
  )

  it.live.skipIf(process.platform !== "linux")(
    "a claim of a killed process does not hold the folder when another program has got its process id",
    () =>
      inDirectory((path, fs) =>
        Effect.gen(function* () {
          const killed = yield* anotherProcess(path)
          yield* kill(killed.child, "SIGKILL")
          const left = yield* fs.readFileString(`${path}/process-${killed.pid}.pid`)
          yield* fs.remove(`${path}/process-${killed.pid}.pid`)
          const other = yield* Effect.acquireRelease(
            Effect.sync(() => spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"])),
            (child) => kill(child, "SIGKILL")
          )
          yield* fs.writeFileString(`${path}/process-${other.pid}.pid`, left)
          yield* DataDir.lock(path)
          assert.deepStrictEqual(yield* fs.readDirectory(path), [`process-${process.pid}.pid`])
        }).pipe(Effect.scoped)
      )
  )

  it.live("of several processes that start at once on the folder of a killed process, at most one holds it", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const killed = yield* anotherProcess(path)
        yield* kill(killed.child, "SIGKILL")
        const all = yield* Effect.all(
          Array.from({ length: 4 }, () => anotherProcess(path)),
          { concurrency: "unbounded" }
        )
        const said = all.map((other) => other.said)
        assert.isAtMost(said.filter((text) => text === "held").length, 1)
        assert.isAtLeast(said.filter((text) => text.startsWith("in use by ")).length, 3)
      }).pipe(Effect.scoped)
    )
  )

  it.live("the error for a folder that cannot be created contains its path", () =>
    inDirectory((path, fs) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(path, { recursive: true })
        const below = `${path}/file/data`
        yield* fs.writeFileString(`${path}/file`, "")
        const error = yield* Effect.flip(DataDir.lock(below))
        assert.strictEqual(error._tag, "DataDirUnusable")
        assert.isTrue(error.message.startsWith(`DATA_DIR ${below} cannot be used: `), error.message)
      }).pipe(Effect.scoped)
    )
  )
})
