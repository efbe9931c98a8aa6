import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { openLoop, quantile } from "../load/Load.ts"
import * as Processes from "../Processes.ts"
import { readers } from "./ProfileReads.ts"

const perSecond = 200
// Enough that no read waits for the answer to another.
const connections = 100
const pause = "60 seconds"
/** How long after the pause the reads are counted, in seconds. */
const window = 2

/** The p99 of profile reads at a fixed rate. */
const p99 = (url: URL, seconds: number) =>
  Effect.gen(function* () {
    const { users } = yield* Bench
    const [client] = readers(users, (user) => user.access)
    if (client === undefined) return yield* Effect.die("There are no readers")
    const result = yield* Effect.promise(() => openLoop({ url, seconds, perSecond, connections, client }))
    if (result.failed > 0) return yield* Effect.die(`${result.failed} reads failed`)
    return quantile(result, 0.99)
  })

// The load generator sends to the floor first, so that its own first requests after a pause are not measured.
const warmGenerator = Effect.gen(function* () {
  const { floor, floorToken, users } = yield* Bench
  const [client] = readers(users, floorToken)
  if (client === undefined) return yield* Effect.die("There are no readers")
  yield* Effect.promise(() => openLoop({ url: floor.url, seconds: 2, perSecond, connections, client }))
})

const goal = { must: 5, aim: 2, better: "lower" } as const

/** The latency of reads after a time without traffic, and after a start. */
export const pauses = Effect.gen(function* () {
  const { environment, rounds, seconds, service, serviceScript } = yield* Bench
  const steady = p99(service.url, seconds)
  const afterPause = Effect.sleep(pause).pipe(Effect.andThen(warmGenerator), Effect.andThen(p99(service.url, window)))
  const afterStart = Effect.gen(function* () {
    yield* warmGenerator
    const server = yield* Processes.start({
      what: "Another service",
      script: serviceScript,
      environment,
      readyPath: "/health/ready"
    })
    return yield* p99(server.url, window)
  }).pipe(Effect.scoped)
  const measure = (when: string) =>
    `profile p99 at ${perSecond}/s in the ${window} seconds after ${when}, over the steady p99`
  return [
    {
      id: "pauses",
      measure: measure(`${pause} without traffic`),
      unit: "ms",
      goal,
      ...(yield* compare(rounds, afterPause, steady))
    },
    { id: "pauses", measure: measure("the start"), unit: "ms", goal, ...(yield* compare(rounds, afterStart, steady)) }
  ] satisfies ReadonlyArray<Figure>
})
