import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import process from "node:process"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import * as Messages from "../load/Messages.ts"
import type { User } from "../Users.ts"
import * as Worker from "../Worker.ts"

const count = 20_000
const prefetch = 100
const queue = "bench"

// Of each notification three statuses, the last of them twice, as senders tell them.
const told = ["sent", "delivered", "opened", "opened"]

const statusesOf = (users: ReadonlyArray<User>) => {
  const ids = Array.from({ length: count / told.length }, () => randomUUID())
  const bodies = told.flatMap((status) =>
    ids.map((id, index) =>
      Buffer.from(
        JSON.stringify({ notification_id: id, user_id: users[index % users.length]?.id, channel: "push", status })
      )
    )
  )
  return { bodies, last: ids.at(-1) ?? "" }
}

// In the queue's order, so when its last is there all of them are.
const committed = "select 1 from deliveries where notification_id = $1 and status = 'bounced'"

const perSecond = (run: () => Promise<void>) =>
  Effect.promise(async () => {
    const started = performance.now()
    await run()
    return (count * 1000) / (performance.now() - started)
  })

/** P10. */
export const statuses = Effect.gen(function* () {
  const { rounds, users } = yield* Bench
  const { database, peer, pid } = yield* Worker.start
  yield* Effect.promise(() => Messages.bind(peer, "bench", queue))
  const target = { exchange: "notification_status", routingKey: "notification.status.push" }

  // The worker stands still while the queue is filled, and is timed from when it goes on.
  const consumed = Effect.gen(function* () {
    const { bodies, last } = statusesOf(users)
    const sentinel = Buffer.from(JSON.stringify({ notification_id: last, status: "bounced" }))
    process.kill(pid, "SIGSTOP")
    yield* Effect.promise(() => Messages.publishAll(peer, target, [...bodies.slice(0, -1), sentinel], 1000))
    return yield* perSecond(async () => {
      process.kill(pid, "SIGCONT")
      await Worker.untilFound(database, committed, [last])
    })
  })
  const acknowledged = Effect.gen(function* () {
    const { bodies } = statusesOf(users)
    yield* Effect.promise(() => Messages.publishAll(peer, { exchange: "bench", routingKey: "status" }, bodies, 1000))
    return yield* perSecond(() => Messages.consumeAll(peer, queue, count, prefetch))
  })
  const compared = yield* compare(rounds, consumed, acknowledged)
  return [
    {
      id: "P10",
      measure: `statuses consumed, deduplicated and committed, over consume + ack at prefetch ${prefetch}`,
      unit: "a second",
      goal: { must: 0.25, aim: 0.6, better: "higher" },
      ...compared
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
