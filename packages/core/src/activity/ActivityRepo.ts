// The minutes of the plots (decision 0046).
import type { ActivityMeasure } from "@user-service/domain/Activity"
import { Context, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** The value of a measure in a minute. */
export interface ActivityMinute {
  readonly measure: ActivityMeasure
  /** The start of the minute, in milliseconds since 1970. */
  readonly minute: number
  readonly value: number
}

/** Intervals of equal length, one after the other. */
export interface Intervals {
  readonly from: DateTime.Utc
  readonly until: DateTime.Utc
  readonly step: Duration.Duration
}

const IntervalRow = Schema.Struct({
  measure: Schema.String,
  startsAt: Columns.time,
  total: Schema.Int,
  highest: Schema.Int
})

const FirstRow = Schema.Struct({ minute: Schema.NullOr(Columns.time) })

/** Each query is one statement and its own transaction. */
export class ActivityRepo extends Context.Service<
  ActivityRepo,
  {
    /** Adds the values to the stored values. */
    readonly add: (minutes: ReadonlyArray<ActivityMinute>) => Query<void>
    /** Stores the values that are higher than the stored ones. */
    readonly raise: (minutes: ReadonlyArray<ActivityMinute>) => Query<void>
    /** The intervals in which a measure has minutes. A newer release may have stored other measures. */
    readonly intervals: (intervals: Intervals) => Query<ReadonlyArray<typeof IntervalRow.Type>>
    readonly firstMinute: Query<Option.Option<DateTime.Utc>>
  }
>()("@user-service/core/activity/ActivityRepo") {
  static readonly layer = Layer.effect(
    ActivityRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      // In the order of the key, so that two processes that write the same rows do not deadlock.
      const insert = (minutes: ReadonlyArray<ActivityMinute>) => sql`
        insert into activity_minutes as stored (minute, measure, value)
        select minute, measure, value from unnest(
          ${minutes.map(({ minute }) => new Date(minute))}::timestamptz[], ${minutes.map(({ measure }) => measure)}::text[],
          ${minutes.map(({ value }) => value)}::bigint[]
        ) as activity (minute, measure, value)
        order by minute, measure
        on conflict (minute, measure)`

      return {
        add: (minutes) => Effect.asVoid(sql`${insert(minutes)} do update set value = stored.value + excluded.value`),

        raise: (minutes) =>
          Effect.asVoid(sql`
            ${insert(minutes)} do update set value = excluded.value where stored.value < excluded.value`),

        intervals: ({ from, step, until }) =>
          rows(IntervalRow)(sql`
            select measure, date_bin(make_interval(secs => ${Duration.toSeconds(step)}::float8), minute,
                ${DateTime.toDate(from)}::timestamptz) as "startsAt",
              sum(value)::float8 as total, max(value)::float8 as highest
            from activity_minutes
            where minute >= ${DateTime.toDate(from)} and minute < ${DateTime.toDate(until)}
            group by 1, 2`),

        firstMinute: Effect.map(
          onlyRow(FirstRow)(sql`select min(minute) as minute from activity_minutes`),
          ({ minute }) => Option.fromNullishOr(minute)
        )
      }
    })
  )
}
