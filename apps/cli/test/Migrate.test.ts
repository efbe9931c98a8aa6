import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@user-service/database/Migrations"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { cli, failure, folder, patient } from "./Program.ts"

const applied = Object.keys(Migrations.migrations).map((name) => `Applied ${name}\n`)
const nothing = "Nothing to apply: the database has the newest schema\n"
const embedded = "No database is named: this is the embedded one in .data/pglite\n"

/** A server that accepts connections and never answers. */
const silentServer = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(() => {}).listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => {
    const address = server.address()
    if (address === null || typeof address === "string") throw new TypeError("No port")
    return address.port
  }
)

/** A process that runs until the scope closes. */
const runningProcess = Effect.acquireRelease(
  Effect.sync(() => spawn("sleep", ["60"], { stdio: "ignore" })),
  (child) => Effect.sync(() => child.kill("SIGKILL"))
)

describe("migrate", patient, () => {
  it.live("migrates the embedded database once if none is configured, and releases it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const first = yield* cli(["migrate"], { cwd })
      assert.deepStrictEqual(first, { code: 0, stdout: [embedded, ...applied].join(""), stderr: "" })
      const again = yield* cli(["migrate"], { cwd })
      assert.deepStrictEqual(again, { code: 0, stdout: embedded + nothing, stderr: "" })
      assert.deepStrictEqual(readdirSync(join(cwd, ".data")), ["pglite"])
    })
  )

  it.live("refuses a folder that a running process holds", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { pid } = yield* runningProcess
      mkdirSync(join(cwd, "data"))
      writeFileSync(join(cwd, `data/process-${pid}.pid`), "")
      const outcome = yield* cli(["migrate"], { cwd, env: { DATA_DIR: "data" } })
      assert.deepStrictEqual(outcome, { stdout: "", ...failure(`DATA_DIR data is in use by process ${pid}`) })
      assert.deepStrictEqual(readdirSync(join(cwd, "data")), [`process-${pid}.pid`])
    })
  )

  it.live("reports a database that refuses connections or never answers in one line", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const unusable = (variable: string) => `PostgreSQL cannot be used as ${variable} says:`
      const port = yield* silentServer
      const refused = yield* cli(["migrate"], {
        cwd,
        env: { DATABASE_URL: "postgres://ada:d4-secret@127.0.0.1:1/users" }
      })
      assert.deepStrictEqual(refused, {
        stdout: "",
        ...failure(`${unusable("DATABASE_URL")} nothing listens there (connect ECONNREFUSED 127.0.0.1:1)`)
      })
      const silent = yield* cli(["migrate"], {
        cwd,
        env: { DB_HOST: "127.0.0.1", DB_PORT: String(port), DB_PASSWORD: "d4-secret" }
      })
      assert.deepStrictEqual(silent, {
        stdout: "",
        ...failure(`${unusable("DB_HOST")} no answer in time from 127.0.0.1:${port}`)
      })
      assert.deepStrictEqual(readdirSync(cwd), [])
    })
  )

  it.live("requires the name of the database in production", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const outcome = yield* cli(["migrate"], { cwd, env: { NODE_ENV: "production" } })
      assert.deepStrictEqual(outcome, {
        stdout: "",
        ...failure("The configuration is not valid: DATABASE_URL (or DB_HOST): required in production")
      })
      assert.deepStrictEqual(readdirSync(cwd), [])
    })
  )

  it.live("names every wrong variable in one line, without its value", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* cli(["migrate"], {
        cwd: yield* folder,
        env: { NODE_ENV: "prod", DB_POOL_SIZE: "many" }
      })
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      assert.match(stderr, /^The configuration is not valid: NODE_ENV: [^\n]*; DB_POOL_SIZE: [^\n]*\n$/)
      assert.notInclude(stderr, "many")
    })
  )
})
