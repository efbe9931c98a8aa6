import { assert, describe, it } from "@effect/vitest"
import * as LogFile from "@user-service/telemetry/LogFile"
import * as Logs from "@user-service/telemetry/Logs"
import { Effect, Exit, Layer, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "telemetry-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : "")

/** Until the file says so: the write is the system's, and no clock of ours moves it. */
const untilText = (path: string, text: string) =>
  Effect.promise(async () => {
    while (read(path) !== text) await new Promise((resolve) => setImmediate(resolve))
  })

describe("LogFile", () => {
  it.effect("all lines are in the file when the scope has closed, in a folder that is created if missing", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "logs", "deep", "x.log")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* LogFile.make(path, assert.fail)
          file.append("one")
          file.append("two")
          assert.strictEqual(read(path), "")
        })
      )
      assert.strictEqual(read(path), "one\ntwo\n")
    })
  )

  it.effect("lines are in the file after a second", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "x.log")
      const file = yield* LogFile.make(path, assert.fail)
      file.append("one")
      yield* TestClock.adjust("1 second")
      yield* untilText(path, "one\n")
      file.append("two")
      yield* TestClock.adjust("1 second")
      yield* untilText(path, "one\ntwo\n")
    })
  )

  it.effect("after a SIGHUP earlier lines are in the moved file and later ones in a new file", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "x.log")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* LogFile.make(path, assert.fail)
          file.append("one")
          yield* TestClock.adjust("1 second")
          yield* untilText(path, "one\n")
          renameSync(path, `${path}.1`)
          file.append("two")
          process.kill(process.pid, "SIGHUP")
          yield* untilText(`${path}.1`, "one\ntwo\n")
          file.append("three")
        })
      )
      assert.strictEqual(read(`${path}.1`), "one\ntwo\n")
      assert.strictEqual(read(path), "three\n")
    })
  )

  it.effect("the listener for SIGHUP is removed with the scope", () =>
    Effect.gen(function* () {
      const count = () => process.listenerCount("SIGHUP") + process.listenerCount("exit")
      const before = count()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* LogFile.make(join(yield* folder, "x.log"), assert.fail)
          assert.strictEqual(count(), before + 2)
        })
      )
      assert.strictEqual(count(), before)
    })
  )

  it.effect("a line that is logged after the scope has closed is written at once", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "x.log")
      const scope = yield* Scope.make()
      const file = yield* Scope.provide(LogFile.make(path, assert.fail), scope)
      yield* Scope.close(scope, Exit.void)
      file.append("late")
      assert.strictEqual(read(path), "late\n")
    })
  )

  it.effect("an unreachable path is reported once, and writing continues when the path is available again", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const path = join(base, "logs", "x.log")
      const complaints: Array<string> = []
      writeFileSync(join(base, "logs"), "in the way")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* LogFile.make(path, (problem) => complaints.push(problem))
          file.append("lost")
          yield* TestClock.adjust("1 second")
          yield* Effect.promise(async () => {
            while (complaints.length === 0) await new Promise((resolve) => setImmediate(resolve))
          })
          file.append("lost too")
          yield* TestClock.adjust("1 second")
          rmSync(join(base, "logs"))
          yield* TestClock.adjust("1 second")
          file.append("back")
        })
      )
      assert.strictEqual(complaints.length, 1)
      assert.include(complaints[0], path)
      assert.match(read(path), /(^|\n)back\n$/)
    })
  )

  it.effect("the file and its folder are created accessible only to their owner", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "deep", "logs", "x.log")
      yield* LogFile.check(path)
      const modes = [path, dirname(path), dirname(dirname(path))].map((made) => statSync(made).mode & 0o777)
      assert.deepStrictEqual(modes, [0o600, 0o700, 0o700])
    })
  )

  it.effect("a configured file that cannot be written fails the start with the name of the variable", () =>
    Effect.gen(function* () {
      const base = yield* folder
      writeFileSync(join(base, "file"), "in the way")
      const path = join(base, "file", "x.log")
      const settings = { level: "Info", format: "json", file: path } as const
      const build = (isFileRequired: boolean) =>
        Effect.scoped(Effect.result(Layer.build(Logs.layer({ ...settings, isFileRequired }, { write: () => {} }))))
      const failed = yield* Effect.fromResult(Result.flip(yield* build(true)))
      assert.strictEqual(failed.message, `LOG_FILE ${path} cannot be written: ENOTDIR: not a directory, open '${path}'`)
      assert.isTrue(Result.isSuccess(yield* build(false)))
    })
  )

  it.effect.skipIf(!existsSync("/proc/self"))(
    "a folder that can never be created fails at once, also below /proc",
    () =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(LogFile.check("/proc/nowhere/deep/x.log"))
        assert.strictEqual(
          message,
          "LOG_FILE /proc/nowhere/deep/x.log cannot be written: ENOENT: no such file or directory, mkdir '/proc/nowhere'"
        )
      })
  )

  it.effect.skipIf(process.platform === "win32")("a pipe is refused without a reader and accepted with one", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "pipe")
      execFileSync("mkfifo", [path])
      const { message } = yield* Effect.flip(LogFile.check(path))
      assert.strictEqual(message, `LOG_FILE ${path} cannot be written: it is a pipe that nobody reads`)
      const complaints: Array<string> = []
      yield* Effect.scoped(
        Effect.map(
          LogFile.make(path, (problem) => complaints.push(problem)),
          (file) => file.append("one")
        )
      )
      assert.strictEqual(complaints.length, 1)

      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      yield* LogFile.check(path)
      yield* Effect.scoped(Effect.map(LogFile.make(path, assert.fail), (file) => file.append("two")))
      assert.strictEqual(readFileSync(reader, "utf8"), "two\n")
      closeSync(reader)
    })
  )

  it.effect.skipIf(!existsSync("/dev/full"))("a full disk is reported once", () =>
    Effect.gen(function* () {
      const complaints: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* LogFile.make("/dev/full", (problem) => complaints.push(problem))
          file.append("one")
        })
      )
      assert.strictEqual(complaints.length, 1)
      assert.include(complaints[0], "ENOSPC")
    })
  )

  it.effect("the log file is JSON even if the console format is pretty", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "x.log")
      const output = { write: () => {} }
      yield* Effect.logInfo("hello", { password: "CANARY" }).pipe(
        Effect.provide(Logs.layer({ level: "Info", format: "pretty", file: path }, output))
      )
      const line: unknown = JSON.parse(read(path))
      assert.deepStrictEqual(line, {
        timestamp: "1970-01-01T00:00:00.000Z",
        level: "info",
        message: "hello",
        password: "<redacted>"
      })
    })
  )
})
