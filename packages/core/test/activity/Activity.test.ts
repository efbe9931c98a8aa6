import { assert, describe, it } from "@effect/vitest"
import { Activity } from "@user-service/core/activity/Activity"
import { ActivityRepo } from "@user-service/core/activity/ActivityRepo"
import { OldActivity } from "@user-service/core/retention/OldActivity"
import { BacklogSamples } from "@user-service/core/activity/BacklogSamples"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import type { ActivityMeasure } from "@user-service/domain/Activity"
import { DateTime, Duration, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"

const noon = new Date("2026-11-24T12:00:00Z").getTime()
const minute = 60_000
const hour = 60 * minute

const services = Layer.mergeAll(Activity.layer, ActivityRepo.layer, BacklogSamples.layer, OldActivity.layer).pipe(
  Layer.provideMerge(Storage.layer),
  Layer.provideMerge(TestDatabase.layerPgLite)
)

/** Replaces all minutes by these. */
const store = Effect.fnUntraced(function* (
  rows: ReadonlyArray<readonly [measure: ActivityMeasure, at: number, value: number]>
) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`delete from activity_minutes`
  const { add } = yield* ActivityRepo
  yield* add(rows.map(([measure, at, value]) => ({ measure, minute: at, value })))
})

const find = (range: "hour" | "day" | "week") => Activity.use((activity) => activity.find(range))

const numbersIn = (series: ReadonlyArray<number | null>) =>
  Object.fromEntries([...series.entries()].filter(([, value]) => value !== null && value !== 0))

describe("the activity over time", () => {
  it.layer(services)((it) => {
    it.effect("has the sums of counts and the highest samples of complete intervals", () =>
      Effect.gen(function* () {
        yield* store([
          ["registrations", noon - 61 * minute, 1],
          ["registrations", noon - 60 * minute, 2],
          ["registrations", noon - minute, 3],
          ["registrations", noon, 4],
          ["events_waiting", noon - 2 * minute, 7],
          ["events_waiting", noon - minute, 5]
        ])
        // The processes have written the last minute.
        yield* TestClock.setTime(noon + 20_000)
        const byMinute = yield* find("hour")
        assert.strictEqual(DateTime.formatIso(byMinute.from), "2026-11-24T11:00:00.000Z")
        assert.strictEqual(Duration.toSeconds(byMinute.step), 60)
        assert.lengthOf(byMinute.series.registrations, 60)
        assert.deepStrictEqual(numbersIn(byMinute.series.registrations), { 0: 2, 59: 3 })
        assert.deepStrictEqual(numbersIn(byMinute.series.events_waiting), { 58: 7, 59: 5 })
        yield* TestClock.setTime(noon + 19_999)
        assert.deepStrictEqual(numbersIn((yield* find("hour")).series.registrations), { 0: 1, 1: 2 })
        yield* TestClock.setTime(noon + 20_000)
        const byQuarter = yield* find("day")
        assert.strictEqual(DateTime.formatIso(byQuarter.from), "2026-11-23T12:00:00.000Z")
        assert.strictEqual(Duration.toMinutes(byQuarter.step), 15)
        assert.lengthOf(byQuarter.series.registrations, 96)
        assert.deepStrictEqual(numbersIn(byQuarter.series.registrations), { 91: 1, 92: 2, 95: 3 })
        assert.deepStrictEqual(numbersIn(byQuarter.series.events_waiting), { 95: 7 })
        const byHour = yield* find("week")
        assert.strictEqual(DateTime.formatIso(byHour.from), "2026-11-17T12:00:00.000Z")
        assert.strictEqual(Duration.toHours(byHour.step), 1)
        assert.lengthOf(byHour.series.registrations, 168)
        assert.deepStrictEqual(numbersIn(byHour.series.registrations), { 166: 1, 167: 5 })
      })
    )

    it.effect("knows counts from the first record on, and samples only where there is one", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(noon + hour + 20_000)
        yield* store([])
        const unknown = yield* find("day")
        assert.isTrue(Object.values(unknown.series).every((series) => series.every((value) => value === null)))
        yield* store([
          ["outbox_lag_seconds", noon + 20 * minute, 0],
          ["registrations", noon + 40 * minute, 2]
        ])
        const { series } = yield* find("day")
        assert.deepStrictEqual(series.registrations.slice(-5), [null, null, 0, 2, 0])
        assert.deepStrictEqual(series.refused_logins.slice(-5), [null, null, 0, 0, 0])
        assert.deepStrictEqual(series.outbox_lag_seconds.slice(-5), [null, null, 0, null, null])
        // The first record is older than the plot.
        yield* store([["outbox_lag_seconds", noon - 30 * hour, 0]])
        assert.isTrue((yield* find("day")).series.registrations.every((value) => value === 0))
      })
    )

    it.effect("leaves out measures of newer releases", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* TestClock.setTime(noon + hour + 20_000)
        yield* store([["registrations", noon, 1]])
        yield* sql`insert into activity_minutes (minute, measure, value) values (${new Date(noon)}, 'unheard_of', 1)`
        assert.deepStrictEqual(numbersIn((yield* find("week")).series.registrations), { 167: 1 })
      })
    )

    it.effect("has the highest sample of a minute, whichever process took it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { record } = yield* BacklogSamples
        const wait = (seconds: number) => sql`
          insert into outbox (id, user_id, user_version, event_type, payload, created_at)
          values (${randomUUID()}, ${randomUUID()}, 1, 'Some', '{}', ${new Date(noon - seconds * 1000)})`
        const sampled = Effect.map(
          sql`select measure, value::int from activity_minutes where minute = ${new Date(noon)}`,
          (rows) => Object.fromEntries(rows.map(({ measure, value }) => [measure, value]))
        )
        yield* store([])
        yield* TestClock.setTime(noon)
        yield* record
        const none = { outbox_lag_seconds: 0, events_waiting: 0, mails_waiting: 0, dead_letters_waiting: 0 }
        assert.deepStrictEqual(yield* sampled, none)
        yield* wait(90)
        yield* wait(30)
        yield* TestClock.setTime(noon + 20_500)
        yield* record
        assert.deepStrictEqual(yield* sampled, { ...none, outbox_lag_seconds: 110, events_waiting: 2 })
        yield* sql`delete from outbox`
        yield* record
        const { raise } = yield* ActivityRepo
        yield* raise([
          { measure: "events_waiting", minute: noon, value: 1 },
          { measure: "mails_waiting", minute: noon, value: 3 }
        ])
        assert.deepStrictEqual(yield* sampled, {
          ...none,
          outbox_lag_seconds: 110,
          events_waiting: 2,
          mails_waiting: 3
        })
        yield* TestClock.setTime(noon + minute)
        yield* record
        const rows = yield* sql`select value::int from activity_minutes where minute = ${new Date(noon + minute)}`
        assert.deepStrictEqual(
          rows.map(({ value }) => value),
          [0, 0, 0, 0]
        )
      })
    )

    it.effect("is deleted after eight days, in batches", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { remove } = yield* OldActivity
        const days = 24 * hour
        yield* TestClock.setTime(noon + 8 * days)
        yield* store([
          ["registrations", noon - minute, 1],
          ["refused_logins", noon - minute, 1],
          ["registrations", noon - 2 * minute, 1],
          ["registrations", noon, 1]
        ])
        assert.strictEqual(yield* remove(2), 2)
        assert.strictEqual(yield* remove(2), 1)
        assert.strictEqual(yield* remove(2), 0)
        assert.lengthOf(yield* sql`select from activity_minutes`, 1)
      })
    )
  })
})
