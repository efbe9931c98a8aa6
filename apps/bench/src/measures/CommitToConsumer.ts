import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { quantile } from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import * as Worker from "../Worker.ts"

const insert = `
  insert into outbox (id, user_id, user_version, event_type, payload, created_at)
  select $1, user_id, user_version, event_type, payload, now() from outbox where event_type = 'UserRegistered' limit 1`

const target = { exchange: "user_events", routingKey: "user.registered" }
const queue = "bench"
const body = Buffer.from(JSON.stringify({ event_type: "user_registered", filler: "x".repeat(220) }))

/** P9. */
export const commitToConsumer = Effect.gen(function* () {
  const { rounds, seconds } = yield* Bench
  const { database, peer } = yield* Worker.start
  yield* Effect.promise(() => Messages.bind(peer, target.exchange, queue))
  let arrived = () => {}
  yield* Effect.promise(() => Messages.listen(peer, queue, () => arrived()))

  // One message at a time, on an otherwise idle service.
  const p99 = (send: () => Promise<number>) =>
    Effect.promise(async () => {
      const latencies: Array<number> = []
      for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
        const arrival = new Promise<number>((resolve) => {
          arrived = () => resolve(performance.now())
        })
        const sent = await send()
        latencies.push((await arrival) - sent)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return quantile({ latencies: Float64Array.from(latencies).toSorted() }, 0.99)
    })
  const committed = async () => {
    await database.query({ name: "event", text: insert, values: [randomUUID()] })
    const at = performance.now()
    await database.query("select pg_notify('outbox', '')")
    return at
  }
  const published = async () => {
    const at = performance.now()
    await Messages.publishAll(peer, target, [body], 1)
    return at
  }
  const compared = yield* compare(rounds, p99(committed), p99(published))
  return [
    {
      id: "P9",
      measure: "commit to consumer, idle, p99, over one publish + consume round trip",
      unit: "ms",
      goal: { must: 10, aim: 3, better: "lower" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
