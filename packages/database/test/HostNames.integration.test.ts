import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

// A process of root may have a file of host names of its own, in a mount namespace.
const canMount = process.platform === "linux" && spawnSync("unshare", ["--mount", "true"]).status === 0

/** Runs the statements on the server, each as its own. */
const run = ({ url }: PostgresServer.PostgresServer, ...statements: ReadonlyArray<string>) =>
  Effect.forEach(statements, (statement) => SqlClient.SqlClient.use((sql) => sql.unsafe(statement)), {
    discard: true
  }).pipe(Effect.provide(Layer.fresh(Postgres.layer(settingsOf(url, 2)))))

/** Forwards connections to the port at another address of this machine. */
const forward = (host: string, port: number, to: number) =>
  Effect.acquireRelease(
    Effect.callback<() => void>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        const upstream = connect(to, "127.0.0.1")
        for (const each of [socket, upstream]) sockets.add(each.on("error", () => {}))
        socket.pipe(upstream).pipe(socket)
      })
      const close = () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      server.listen(port, host, () => resume(Effect.succeed(close)))
    }),
    (close) => Effect.sync(close)
  )

/** Starts the program with a file of host names of its own, and returns its output. */
const startProgram = (names: string, url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const script = `mount --bind "${names}" /etc/hosts && exec "$0" "$@"`
      const program = ["--conditions=@user-service/source", join(import.meta.dirname, "NameProgram.ts"), url]
      return spawn("unshare", ["--mount", "sh", "-c", script, process.execPath, ...program], {
        stdio: ["ignore", "pipe", "inherit"]
      })
    }),
    (child) =>
      Effect.promise(async () => {
        const gone = once(child, "exit")
        if (child.exitCode === null && child.kill("SIGKILL")) await gone
      })
  ).pipe(
    Effect.map((child) => {
      const output: Array<string> = []
      child.stdout.on("data", (chunk) => output.push(String(chunk)))
      return () => output.join("")
    })
  )

describe.skipIf(PostgresServer.skipReason !== "" || !canMount)(
  "the host name of PostgreSQL (skipped unless as root)",
  () => {
    it.live("is resolved again for new sessions, which follow a read-only server", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* PostgresServer.make(), yield* PostgresServer.make()]
        for (const server of [first, second]) {
          yield* server.start
          yield* run(server, "create table written (number int)")
        }
        const port = yield* PostgresServer.freePort
        yield* forward("127.0.0.2", port, first.port)
        yield* forward("127.0.0.3", port, second.port)
        const folder = yield* Effect.acquireRelease(
          Effect.promise(() => mkdtemp(join(tmpdir(), "names-"))),
          (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
        )
        const names = join(folder, "hosts")
        const point = (address: string) => Effect.promise(() => writeFile(names, `${address} db.failover\n`))
        yield* point("127.0.0.2")
        const output = yield* startProgram(names, `postgres://postgres@db.failover:${port}/postgres`)
        const hasPrinted = (text: string) =>
          Effect.repeat(
            Effect.sync(() => output().includes(text)),
            { until: (holds) => holds, schedule: Schedule.spaced("50 millis") }
          ).pipe(
            Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.die(`${text}: not in 30 seconds`) })
          )
        yield* hasPrinted(`port ${first.port}`)
        assert.notInclude(output(), `port ${second.port}`)

        yield* point("127.0.0.3")
        yield* run(first, "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        yield* hasPrinted(`port ${second.port}`)
      }).pipe(Effect.scoped)
    )
  }
)
