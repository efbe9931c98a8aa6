import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import { compare, median } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import type { Answer } from "../load/Connection.ts"
import { closedLoop, type LoadResult, openLoop, quantile } from "../load/Load.ts"
import { loginLoad } from "./Logins.ts"
import { readers } from "./ProfileReads.ts"

const perSecond = 200
// Enough connections that no read waits for the answer to another.
const connections = 100

// Profile reads at a fixed rate, with or without concurrent logins.
const reads = Effect.fnUntraced(function* (loginClients: number) {
  const { seconds, service, users } = yield* Bench
  const [client] = readers(users, (user) => user.access)
  if (client === undefined) return yield* Effect.die("There are no readers")
  const reading = Effect.promise(() => openLoop({ url: service.url, seconds, perSecond, connections, client }))
  if (loginClients === 0) return { reads: yield* reading, refusals: undefined }
  const isRefusal = ({ head, status }: Answer) => (status === 503 || status === 429) && /\r\nretry-after:/i.test(head)
  const storm = Effect.promise(() =>
    closedLoop({
      url: service.url,
      seconds: seconds + 1,
      clients: loginLoad(users, loginClients),
      isCounted: isRefusal
    })
  )
  const [measured, refusals] = yield* Effect.all([Effect.delay(reading, "500 millis"), storm], { concurrency: 2 })
  return { reads: measured, refusals }
})

/** P5. */
export const readsDuringLogins = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const at = (loginClients: number, share: number) =>
    Effect.map(reads(loginClients), (measured) => quantile(measured.reads, share))
  const p50 = yield* compare(rounds, at(4, 0.5), at(0, 0.5))
  const p99 = yield* compare(rounds, at(4, 0.99), at(0, 0.99))
  const measure = (quantile: string) =>
    `profile ${quantile} at ${perSecond}/s while 4 clients log in, over the same with no logins`
  return [
    { id: "P5", measure: measure("p50"), unit: "ms", goal: { must: 2, aim: 1.2, better: "lower" }, ...p50 },
    { id: "P5", measure: measure("p99"), unit: "ms", goal: { must: 4, aim: 2, better: "lower" }, ...p99 }
  ] satisfies ReadonlyArray<Figure>
})

/** P6. */
export const loginStorm = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const quiet: Array<number> = []
  const refusals: Array<number> = []
  const duringStorm: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before: LoadResult = (yield* reads(0)).reads
    const storm = yield* reads(200)
    quiet.push(quantile(before, 0.99))
    duringStorm.push(quantile(storm.reads, 0.99))
    if (storm.refusals !== undefined) refusals.push(quantile(storm.refusals, 0.99))
  }
  const over = (values: ReadonlyArray<number>) => ({
    ours: median(values),
    baseline: median(quiet),
    ratio: median(values.map((value, index) => value / (quiet[index] ?? Number.NaN)))
  })
  return [
    {
      id: "P6",
      measure: "p99 time to a refusal while 200 clients log in, over the quiet profile p99",
      unit: "ms",
      goal: { must: 25, aim: 10, better: "lower" },
      ...over(refusals)
    },
    {
      id: "P6",
      measure: "profile p99 while 200 clients log in, over the quiet profile p99",
      unit: "ms",
      goal: { must: 10, aim: 4, better: "lower" },
      ...over(duringStorm)
    }
  ] satisfies ReadonlyArray<Figure>
})
