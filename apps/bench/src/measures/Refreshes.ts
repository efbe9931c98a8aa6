import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { Client } from "pg"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { requestBytes } from "../load/Connection.ts"
import { type Client as LoadClient, closedRate } from "../load/Load.ts"
import { dataOf, type BenchUser } from "../Users.ts"

const connections = 16

/** A client for each user, which refreshes with its newest refresh token, as apps do. */
export const refreshers = (tokens: Map<string, string>, users: ReadonlyArray<BenchUser>): ReadonlyArray<LoadClient> =>
  users.map((user) => ({
    next: () =>
      requestBytes("POST", "/api/v1/users/token/refresh/", { body: { refresh: tokens.get(user.id) ?? user.refresh } }),
    onAnswer: (answer) => {
      if (answer.status === 200) tokens.set(user.id, dataOf(answer).refresh)
    }
  }))

// The baseline: inserts and commits of one row, on as many connections.
const commits = async (databaseUrl: string, seconds: number): Promise<number> => {
  const clients = Array.from({ length: connections }, () => new Client({ connectionString: databaseUrl }))
  await Promise.all(clients.map((client) => client.connect()))
  await clients[0]?.query("create table if not exists bench_commits (id uuid primary key, at timestamptz not null)")
  const end = performance.now() + seconds * 1000
  let done = 0
  await Promise.all(
    clients.map(async (client) => {
      for (; performance.now() < end; done++) {
        await client.query({
          name: "commit",
          text: "insert into bench_commits values ($1, now())",
          values: [randomUUID()]
        })
      }
      await client.end()
    })
  )
  return done / seconds
}

/** P7. */
export const refreshes = Effect.gen(function* () {
  const { databaseUrl, rounds, seconds, service, users } = yield* Bench
  const tokens = new Map<string, string>()
  const clients = refreshers(tokens, users.slice(0, connections))
  const compared = yield* compare(
    rounds,
    closedRate({ url: service.url, seconds, clients }),
    Effect.promise(() => commits(databaseUrl, seconds))
  )
  return [
    {
      id: "P7",
      measure: `refreshes, ${connections} clients, over insert + commit on ${connections} connections`,
      unit: "a second",
      goal: { must: 0.1, aim: 0.25, better: "higher" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
})
