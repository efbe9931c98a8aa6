import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import process from "node:process"
import type { Client } from "pg"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import * as Messages from "../load/Messages.ts"
import type { BenchUser } from "../Users.ts"
import * as Worker from "../Worker.ts"

const count = 20_000
const prefetch = 100
const queue = "bench"

// The statuses of each notification. The last one is reported twice, as senders do.
const sequence = ["sent", "delivered", "opened", "opened"]

const target = { exchange: "notification_status", routingKey: "notification.status.push" }

const statusOf = (user: BenchUser | undefined, notificationId: string, status: string) =>
  Buffer.from(JSON.stringify({ notification_id: notificationId, user_id: user?.id, channel: "push", status }))

// The last message is the only status of its notification. Messages are consumed in order, so when its status is stored, all
// statuses are.
const statusesOf = (users: ReadonlyArray<BenchUser>) => {
  const ids = Array.from({ length: count / sequence.length }, () => randomUUID())
  const last = randomUUID()
  const bodies = sequence.flatMap((status) => ids.map((id, index) => statusOf(users[index % users.length], id, status)))
  return { bodies: [...bodies.slice(1), statusOf(users[0], last, "sent")], last }
}

const isCommitted = "select 1 from deliveries where notification_id = $1"

// Until the worker has declared its queue, published messages are dropped.
const untilConsumed = async (peer: Messages.Peer, database: Client, user: BenchUser | undefined) => {
  const id = randomUUID()
  do await Messages.publishAll(peer, target, [statusOf(user, id, "sent")], 1)
  while (!(await Worker.returnsRow(database, isCommitted, [id])))
}

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
  yield* Effect.promise(() => untilConsumed(peer, database, users[0]))

  // The worker is suspended while the queue is filled, and the measurement begins when it resumes.
  const consumed = Effect.gen(function* () {
    const { bodies, last } = statusesOf(users)
    process.kill(pid, "SIGSTOP")
    yield* Effect.promise(() => Messages.publishAll(peer, target, bodies, 1000))
    return yield* perSecond(async () => {
      process.kill(pid, "SIGCONT")
      await Worker.waitForRow(database, isCommitted, [last])
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
