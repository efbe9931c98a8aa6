import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import * as Messages from "../load/Messages.ts"
import * as Worker from "../Worker.ts"

const events = 60_000
const users = 20_000
const inFlight = 100

// Inserts three events of each user, as registrations do.
const fill = `
  insert into outbox (id, user_id, user_version, event_type, payload, created_at)
  select gen_random_uuid(), user_id, version, event_type, jsonb_set(payload, '{userId}', to_jsonb(user_id)), now()
  from (select event_type, payload from outbox where event_type = 'UserRegistered' limit 1) as event,
    (select gen_random_uuid() as user_id from generate_series(1, ${users})) as everyone,
    generate_series(1, ${events / users}) as version
  order by version`

const target = { exchange: "user_events", routingKey: "user.registered" }
const queue = "bench"

// As long as an event of a registration.
const body = Buffer.from(JSON.stringify({ event_type: "user_registered", filler: "x".repeat(220) }))

const perSecond = (count: number, run: () => Promise<void>) =>
  Effect.promise(async () => {
    const started = performance.now()
    await run()
    return (count * 1000) / (performance.now() - started)
  })

/** P8. */
export const outboxRelay = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const { database, peer } = yield* Worker.start
  yield* Effect.promise(() => Messages.bind(peer, target.exchange, queue))
  const empty = Effect.promise(() => peer.publisher.purgeQueue(queue))
  const bodies = Array.from({ length: events }, () => body)

  const relayed = Effect.promise(() => Worker.waitForRow(database, Worker.outboxEmpty)).pipe(
    Effect.andThen(Effect.promise(() => database.query(fill))),
    Effect.andThen(
      perSecond(events, async () => {
        await database.query("select pg_notify('outbox', '')")
        await Worker.waitForRow(database, Worker.outboxEmpty)
      })
    ),
    Effect.tap(empty)
  )
  const published = perSecond(events, () => Messages.publishAll(peer, target, bodies, inFlight)).pipe(Effect.tap(empty))
  const compared = yield* compare(rounds, relayed, published)
  return [
    {
      id: "P8",
      measure: `events relayed, ${events} waiting, over publish + confirm with ${inFlight} in flight`,
      unit: "a second",
      goal: { must: 0.4, aim: 0.7, better: "higher" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
