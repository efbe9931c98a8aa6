import { Array, Effect, Option, Schema } from "effect"
import { Bench, type RunningService, startService } from "../Bench.ts"
import { compare, medians } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { type Client, closedRate } from "../load/Load.ts"
import type { BenchUser } from "../Users.ts"
import { readers } from "./ProfileReads.ts"
import { refreshers } from "./Refreshes.ts"
import { postKnownToken, postNewToken, putPreferences, type Write, writers } from "./Writes.ts"

export class NoOtherBuild extends Schema.TaggedError<NoOtherBuild>()("NoOtherBuild", {}) {
  override get message() {
    return "Name the other build: --against ../another-checkout/apps/api/bundle/main.js"
  }
}

const accessOf = (user: BenchUser): string => user.access

// Both builds get the same requests, but each for its own users.
const loads: ReadonlyArray<{
  readonly measure: string
  readonly clients: (users: ReadonlyArray<BenchUser>) => ReadonlyArray<Client>
}> = [
  { measure: "profile reads (P1)", clients: (users) => readers(users, accessOf) },
  ...[
    { measure: "preferences PUT (P3)", write: (): Write => putPreferences },
    { measure: "push token POST, one that is known (P3)", write: postKnownToken },
    { measure: "push token POST, each one new (P3)", write: (): Write => postNewToken }
  ].map(({ measure, write }) => ({
    measure,
    clients: (users: ReadonlyArray<BenchUser>) => writers(users, accessOf, write())
  })),
  { measure: "refreshes (P7)", clients: (users) => refreshers(new Map(), users.slice(0, 16)) }
]

// One start of both builds: the rates of every load, compared by turns.
const compareStarts = Effect.fnUntraced(function* (bench: Bench["Service"], other: string, oursFirst: boolean) {
  // Each build has its own PostgreSQL database and its own numbered Redis database, so that they do not share keys.
  const start = (script: string, redisDatabase: number) => {
    const redis = new URL(bench.redisUrl)
    redis.pathname = `/${redisDatabase}`
    const settings = { ...bench, redisUrl: redis.href }
    // Few users, since each start registers them. The limit is counted, but not reached.
    return startService(script, settings, { userCount: 64, environment: { RATE_LIMIT_WRITE: "1000000/1m" } })
  }
  const startOurs = start(bench.serviceScript, 1)
  const startBaseline = start(other, 2)
  const { ours, baseline } = oursFirst
    ? yield* Effect.all({ ours: startOurs, baseline: startBaseline })
    : yield* Effect.all({ baseline: startBaseline, ours: startOurs })
  const rateOf = (
    { service, users }: RunningService,
    clientsOf: (users: ReadonlyArray<BenchUser>) => ReadonlyArray<Client>
  ) => {
    const clients = clientsOf(users)
    return closedRate({ url: service.url, seconds: bench.seconds, clients })
  }
  return yield* Effect.forEach(loads, ({ clients }) =>
    compare(bench.rounds, rateOf(ours, clients), rateOf(baseline, clients))
  )
}, Effect.scoped)

/**
 * The rates of this build divided by those of another build: the cost of a change. Two starts of one build differ by up to
 * 15 %, so both builds start `--starts` times, and the figure is the median of the ratios of the starts.
 */
export const against = Effect.gen(function* () {
  const bench = yield* Bench
  if (Option.isNone(bench.against)) return yield* new NoOtherBuild()
  const other = bench.against.value
  const starts = yield* Effect.forEach(Array.range(1, bench.starts), (start) =>
    compareStarts(bench, other, start % 2 === 1)
  )
  return loads.map(({ measure }, load): Figure => {
    const compared = starts.flatMap((comparisons) => comparisons[load] ?? [])
    return {
      id: "against",
      measure: `${measure}, over the other build's`,
      unit: "a second",
      goal: { must: 0.95, aim: 1, better: "higher" },
      ...medians(compared)
    }
  })
})
