import type { PgClient } from "@effect/sql-pg"
import { Effect, Option, Queue, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { DirectSql } from "./DirectSql.ts"
import { EmbeddedNotices } from "./EmbeddedNotices.ts"

// Jittered, so that not all processes reconnect at the same moment.
const reconnectSchedule = Schedule.jittered(Schedule.spaced("500 millis"))

/**
 * Runs `onNotice` after every NOTIFY on the channel, once for all that arrived during the previous run. Also runs it whenever
 * listening begins, because earlier notifications are lost. Never returns. Uses one connection to PostgreSQL, none to the
 * embedded database.
 */
export const listen = (
  channel: string,
  onNotice: Effect.Effect<unknown>
): Effect.Effect<never, never, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const postgres = yield* Effect.serviceOption(DirectSql)
    if (Option.isSome(postgres)) return yield* listenOn(postgres.value, channel, onNotice)
    const embedded = yield* Effect.serviceOption(EmbeddedNotices)
    if (Option.isSome(embedded)) return yield* listenEmbedded(embedded.value, channel, onNotice)
    return yield* Effect.never
  })

const listenEmbedded = Effect.fnUntraced(function* (
  { subscribe }: EmbeddedNotices["Service"],
  channel: string,
  onNotice: Effect.Effect<unknown>
) {
  const sql = yield* SqlClient.SqlClient
  const notices = yield* Queue.sliding<void>(1)
  yield* subscribe(channel, () => Queue.offerUnsafe(notices, undefined))
  // Through the client, so that it is not part of another fiber's transaction.
  yield* Effect.orDie(sql`listen ${sql(channel)}`)
  yield* onNotice
  return yield* Effect.forever(Effect.andThen(Queue.take(notices), onNotice))
}, Effect.scoped)

const listenOn = (postgres: PgClient.PgClient, channel: string, onNotice: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const notices = yield* postgres.listen(channel)
    yield* onNotice
    return yield* Effect.forever(Effect.andThen(Queue.takeAll(notices), onNotice))
  }).pipe(
    Effect.scoped,
    Effect.tapError((error) => Effect.logDebug("LISTEN failed and is retried", error)),
    Effect.retry(reconnectSchedule),
    Effect.orDie
  )
