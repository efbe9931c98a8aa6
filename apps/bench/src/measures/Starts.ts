import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import { failures, type Figure } from "../Figure.ts"
import { open, requestBytes } from "../load/Connection.ts"
import * as Processes from "../Processes.ts"
import type { BenchUser } from "../Users.ts"

const bareNode = Effect.promise(async () => {
  const started = performance.now()
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")
  return performance.now() - started
})

const secondService = Effect.flatMap(Bench, ({ environment, serviceScript }) =>
  Processes.start({ what: "Another service", script: serviceScript, environment, readyPath: "/health/ready" })
)

// Clients that send requests while the readiness probe succeeds, as clients behind a load balancer do.
const failuresAtStop = (server: Processes.ServerProcess, users: ReadonlyArray<BenchUser>) =>
  Effect.promise(async () => {
    const clients = users
      .slice(0, 32)
      .map((user) => requestBytes("GET", "/api/v1/users/profile/", { token: user.access }))
    const balancer = { sends: true }
    let failed = 0
    // After an answer with `connection: close` the next request opens a new connection, as in any client.
    const run = async (request: Buffer) => {
      let connection = await open(server.url)
      while (balancer.sends) {
        const answer = await connection.send(request).catch(() => undefined)
        if (answer?.status !== 200) {
          failed++
          return
        }
        if (/\r\nconnection: close/i.test(answer.head)) connection = await open(server.url)
      }
      connection.close()
    }
    const running = Promise.all(clients.map(run))
    await new Promise((resolve) => setTimeout(resolve, 500))
    process.kill(server.pid, "SIGTERM")
    while (balancer.sends) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const { status } = await (await open(server.url)).send(requestBytes("GET", "/health/ready"))
      balancer.sends = status === 200
    }
    await running
    return failed
  })

/** P12. */
export const starts = Effect.gen(function* () {
  const { rounds, users } = yield* Bench
  const compared = yield* compare(
    rounds,
    Effect.scoped(Effect.map(secondService, (server) => server.readyMillis)),
    bareNode
  )
  const failed = yield* Effect.scoped(Effect.flatMap(secondService, (server) => failuresAtStop(server, users)))
  return [
    {
      id: "P12",
      measure: "process start to ready, over `node -e 0`",
      unit: "ms",
      goal: { must: 30, aim: 12, better: "lower" },
      ...compared
    },
    failures("P12", "requests failed at SIGTERM under load", failed)
  ] satisfies ReadonlyArray<Figure>
})
