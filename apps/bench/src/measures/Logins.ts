import { Effect } from "effect"
import { Worker } from "node:worker_threads"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { requestBytes } from "../load/Connection.ts"
import { type Client, closedRate } from "../load/Load.ts"
import { password, type BenchUser } from "../Users.ts"

const login = "/api/v1/users/login/"

/** Clients that log in without pause, as one user after the other. */
export const loginLoad = (users: ReadonlyArray<BenchUser>, clients: number): ReadonlyArray<Client> => {
  const requests = users.map(({ email }) => requestBytes("POST", login, { body: { email, password } }))
  let turn = 0
  const next = () => requests[turn++ % requests.length] ?? Buffer.alloc(0)
  return Array.from({ length: clients }, () => ({ next }))
}

// The baseline: bcrypt verifications of cost 10 per second on all cores.
const ceiling = async (seconds: number): Promise<number> => {
  const threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL("./BcryptCeiling.ts", import.meta.url), { workerData: { seconds } })
  )
  const checks = await Promise.all(threads.map((thread) => once(thread, "message")))
  return checks.reduce((sum, [count]) => sum + count, 0) / seconds
}

/** P4. */
export const logins = Effect.gen(function* () {
  const bench = yield* Bench
  const compared = yield* compare(
    bench.rounds,
    closedRate({ url: bench.service.url, seconds: bench.seconds, clients: loginLoad(bench.users, 8) }),
    Effect.promise(() => ceiling(bench.seconds))
  )
  return [
    {
      id: "P4",
      measure: "logins, 8 clients, over the bcrypt ceiling of both cores",
      unit: "a second",
      goal: { must: 0.85, aim: 0.95, better: "higher" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
})
