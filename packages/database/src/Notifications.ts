import type { PgClient } from "@effect/sql-pg"
import { Effect, Option, Queue, Schedule } from "effect"
import { DirectSql } from "./DirectSql.ts"

// A server that is away is looked for soon, and not by all processes at once.
const again = Schedule.jittered(Schedule.spaced("500 millis"))

/**
 * Runs `onNotice` whenever somebody has called NOTIFY on the channel, once for all that came meanwhile, and whenever
 * listening begins, since what was called before that is lost. Holds one connection, and never ends. The embedded database
 * tells nothing, and whatever listens is to look for itself now and then.
 */
export const listen = (channel: string, onNotice: Effect.Effect<unknown>): Effect.Effect<never> =>
  Effect.flatMap(Effect.serviceOption(DirectSql), (client) =>
    Option.match(client, { onNone: () => Effect.never, onSome: (postgres) => listenOn(postgres, channel, onNotice) })
  )

const listenOn = (postgres: PgClient.PgClient, channel: string, onNotice: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const notices = yield* postgres.listen(channel)
    yield* onNotice
    return yield* Effect.forever(Effect.andThen(Queue.takeAll(notices), onNotice))
  }).pipe(
    Effect.scoped,
    Effect.tapError((error) => Effect.logDebug("Not listening to PostgreSQL for the moment", error)),
    Effect.retry(again),
    Effect.orDie
  )
