import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { existsSync, readFileSync, renameSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import process from "node:process"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { journey, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const timeout = 180_000

/** The ids of the processes that logged that they are ready, in order. */
const serving = (program: Program.Program): ReadonlyArray<number> =>
  [...program.stdout().matchAll(/User Service is ready.* pid=(\d+)/g)].map(([, pid]) => Number(pid))

const serves = (program: Program.Program, count: number) =>
  waitUntil(
    `${count} processes have served`,
    Effect.sync(() => serving(program).length >= count)
  )

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Starts the API in two processes on the engines, and waits until both are ready. */
const startTwo = Effect.fnUntraced(function* (engines: Program.Environment, more: Program.Environment = {}) {
  const program = yield* Program.start({ ...engines, WORKERS: "2", BCRYPT_COST: "10", ...more }, "api")
  yield* serves(program, 2)
  const [first = 0, second = 0] = serving(program)
  assert.notInclude([first, second], program.pid)
  return { ...program, workers: [first, second] as const, send: sender(program.url) }
})

const ready = (send: ReturnType<typeof sender>) => expectAnswer(send)(200, undefined, "GET", "/health/ready")

const killed = (program: Program.Program, pid: number) =>
  Effect.andThen(
    Effect.sync(() => process.kill(pid, "SIGKILL")),
    program.says(new RegExp(`A process ended and is replaced pid=${pid} code=null signal=SIGKILL`))
  )

/** The reason why connecting to the address fails. */
const refusalAt = (url: string) =>
  Effect.callback<string | undefined>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.once("connect", () => resume(Effect.die("Somebody still listens")))
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
    return Effect.sync(() => socket.destroy())
  })

describe.skipIf(!Engines.areAvailable)("the API by itself", () => {
  it.live(
    "works in one process, and a stop ends it with 0",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start(yield* Engines.all, "api")
        assert.deepStrictEqual(serving(program), [program.pid])
        yield* journey(sender(program.url))
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    timeout
  )

  it.live(
    "works in two processes on one port, and a stop ends all of them with 0",
    () =>
      Effect.gen(function* () {
        const program = yield* startTwo(yield* Engines.all)
        yield* journey(program.send, "within a second")
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.deepStrictEqual(program.workers.filter(isRunning), [])
      }),
    timeout
  )

  it.live(
    "replaces a killed process, while the other one serves",
    () =>
      Effect.gen(function* () {
        const program = yield* startTwo(yield* Engines.all)
        const person = yield* register(program.send)
        for (const [index, pid] of program.workers.entries()) {
          yield* killed(program, pid)
          yield* ready(program.send)
          yield* serves(program, 3 + index)
        }
        const replaced = serving(program).slice(2)
        assert.isTrue(replaced.every(isRunning))
        assert.isFalse(program.workers.some(isRunning))
        yield* expectAnswer(program.send)(200, undefined, "GET", "/api/v1/users/profile/", { token: person.access })
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.isFalse(replaced.some(isRunning))
      }),
    timeout
  )

  it.live(
    "retries a process that cannot be replaced yet, without ending the others",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const program = yield* startTwo(engines)
        const name = new URL(engines.DATABASE_URL).pathname.slice(1)
        yield* Engines.execute(`alter database ${name} allow_connections false`)
        const [first, second] = program.workers
        yield* killed(program, first)
        yield* program.says(/Process \d+ could not start and is tried again/)
        yield* ready(program.send)
        assert.isTrue(isRunning(second))
        yield* Engines.execute(`alter database ${name} allow_connections true`)
        yield* serves(program, 3)
        yield* ready(program.send)
      }),
    timeout
  )

  it.live(
    "ends its processes with the primary",
    () =>
      Effect.gen(function* () {
        const program = yield* startTwo(yield* Engines.all)
        // The program has ended when no process has its output open.
        const { signal } = yield* program.kill
        assert.strictEqual(signal, "SIGKILL")
        assert.strictEqual(yield* refusalAt(program.url), "ECONNREFUSED")
      }),
    timeout
  )

  it.live(
    "stops at Ctrl-C, which reaches every process at once",
    () =>
      Effect.gen(function* () {
        const program = yield* startTwo(yield* Engines.all)
        yield* program.signalGroup("SIGINT")
        const { code, stderr, stdout } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.strictEqual(stdout.match(/Shutting down: no longer ready/g)?.length, 2)
        assert.notInclude(stdout, "replaced")
      }),
    timeout
  )

  it.live(
    "reports once why its processes cannot start",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const DATABASE_URL = "postgres://user:s3cret-that-nobody-may-see@127.0.0.1:1/x"
        const { code, stderr, stdout } = yield* Program.run({ ...engines, DATABASE_URL, WORKERS: "4" }, "api")
        assert.strictEqual(code, 1)
        assert.match(
          stderr,
          /^PostgreSQL cannot be used as DATABASE_URL says: nothing listens there \(.*\)\nProcess \d+ could not start\n$/
        )
        assert.notMatch(stdout + stderr, /s3cret|^\s+at /m)
      }),
    timeout
  )

  it.live(
    "reopens the log file in all processes at a SIGHUP to the primary",
    () =>
      Effect.gen(function* () {
        const path = join(yield* Program.folder, "service.log")
        const program = yield* startTwo(yield* Engines.all, { LOG_FILE: path })
        const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "")
        const readies = (text: string) => text.match(/User Service is ready/g)?.length ?? 0
        yield* waitUntil(
          "Both have written",
          Effect.sync(() => readies(read(path)) === 2)
        )
        const old = `${path}.1`
        renameSync(path, old)
        yield* program.signal("SIGHUP")
        // Requests alternate between the processes, so each gets two of four.
        const areInTheNew = Effect.gen(function* () {
          const ids = Array.from({ length: 4 }, () => randomUUID())
          for (const id of ids) yield* program.send("GET", "/nowhere", { headers: { "x-request-id": id } })
          const are = (text: string) => ids.every((id) => text.includes(id))
          yield* waitUntil(
            "The requests are logged",
            Effect.sync(() => are(read(old) + read(path)))
          )
          return are(read(path))
        })
        yield* waitUntil("All write to the new file", areInTheNew)
        const kept = read(old)
        yield* program.stop
        assert.strictEqual(read(path).match(/no longer ready/g)?.length, 2)
        assert.strictEqual(read(old), kept)
      }),
    timeout
  )
})
