import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { requestBytes } from "../load/Connection.ts"
import { type Client, closedRate } from "../load/Load.ts"
import type { BenchUser } from "../Users.ts"

const clients = 32

const profile = "/api/v1/users/profile/"

/** Clients that read the profile of one user after the other. */
export const readers = (users: ReadonlyArray<BenchUser>, token: (user: BenchUser) => string): ReadonlyArray<Client> => {
  const requests = users.map((user) => requestBytes("GET", profile, { token: token(user) }))
  let turn = 0
  const next = () => requests[turn++ % requests.length] ?? Buffer.alloc(0)
  return Array.from({ length: clients }, () => ({ next }))
}

/** P1. */
export const profileReads = Effect.gen(function* () {
  const bench = yield* Bench
  const rate = (url: URL, readersOf: ReadonlyArray<Client>) =>
    closedRate({ url, seconds: bench.seconds, clients: readersOf })
  const compared = yield* compare(
    bench.rounds,
    rate(
      bench.service.url,
      readers(bench.users, (user) => user.access)
    ),
    rate(bench.floor.url, readers(bench.users, bench.floorToken))
  )
  return [
    {
      id: "P1",
      measure: `profile reads, ${clients} clients, over the floor's`,
      unit: "a second",
      goal: { must: 0.35, aim: 0.6, better: "higher" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
})
