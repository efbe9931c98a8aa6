import { assert, describe, it } from "@effect/vitest"
import { Quotas, QuotasUnavailable } from "@user-service/cache/Quotas"
import { ActivityCounts, writeInterval } from "@user-service/core/activity/ActivityCounts"
import { ActivityRepo } from "@user-service/core/activity/ActivityRepo"
import { Logins } from "@user-service/core/accounts/Logins"
import { CurrentOrigin } from "@user-service/core/Origin"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import type { Email } from "@user-service/domain/Email"
import { Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import { freshId, layerOver, mail, report, resolve, somebody } from "../deliveries/TestDeliveries.ts"
import * as TestCore from "../TestCore.ts"

const noon = new Date("2026-11-24T12:00:00Z").getTime()
const minute = 60_000

/** The counts of another process, which writes what is left when its scope closes. */
const anotherProcess = Effect.map(Layer.build(Layer.fresh(ActivityCounts.layer)), (context) =>
  Context.get(context, ActivityCounts)
)

const stored = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`
    select to_char(minute at time zone 'UTC', 'HH24:MI') as minute, measure, value::int from activity_minutes order by 1, 2`
  return rows.map(({ measure, minute, value }) => `${minute} ${measure} ${value}`)
})

const clear = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`delete from activity_minutes`)

const database = Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPgLite))

describe("the counts of the activity", () => {
  it.layer(database)((it) => {
    it.effect("are written at the end of a process, in the minute of each, and added to those of other processes", () =>
      Effect.gen(function* () {
        yield* clear
        yield* TestClock.setTime(noon + 1000)
        const process = Effect.scoped(
          Effect.gen(function* () {
            const { add } = yield* anotherProcess
            yield* add("registrations", 2)
            yield* add("registrations", 1)
            yield* add("refused_logins", 0)
            yield* TestClock.setTime(noon + minute)
            yield* add("registrations", 4)
          })
        )
        yield* process
        yield* TestClock.setTime(noon + minute - 1)
        yield* process
        assert.deepStrictEqual(yield* stored, ["12:00 registrations 6", "12:01 registrations 8"])
      })
    )

    it.effect("are written while the process runs", () =>
      Effect.gen(function* () {
        yield* clear
        yield* TestClock.setTime(noon)
        const { add } = yield* anotherProcess
        yield* TestClock.adjust(0)
        yield* add("deliveries_sent", 3)
        yield* TestClock.adjust(writeInterval)
        yield* TestClock.withLive(waitUntil(Effect.map(stored, (rows) => rows.length > 0)))
        assert.deepStrictEqual(yield* stored, ["12:00 deliveries_sent 3"])
      })
    )

    it.effect("that the database does not take are written later, unless they are an hour old", () => {
      const taken: Array<ReadonlyArray<string>> = []
      let isAway = true
      const repo = Layer.succeed(ActivityRepo, {
        add: (minutes) =>
          Effect.suspend(() => {
            if (isAway)
              return Effect.fail(
                new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause: "away", operation: "test" }) })
              )
            taken.push(minutes.map((row) => `${(row.minute - noon) / minute} ${row.measure} ${row.value}`))
            return Effect.void
          }),
        raise: () => Effect.void,
        intervals: () => Effect.succeed([]),
        firstMinute: Effect.succeedNone
      })
      return Effect.gen(function* () {
        yield* TestClock.setTime(noon)
        const { add } = yield* ActivityCounts
        yield* TestClock.adjust(0)
        yield* add("registrations", 1)
        yield* TestClock.adjust(writeInterval)
        yield* TestClock.setTime(noon + 30 * minute)
        yield* add("registrations", 2)
        yield* TestClock.adjust(writeInterval)
        yield* add("registrations", 3)
        yield* TestClock.setTime(noon + 61 * minute)
        yield* TestClock.adjust(writeInterval)
        assert.deepStrictEqual(taken, [])
        isAway = false
        yield* TestClock.adjust(writeInterval)
        assert.deepStrictEqual(taken, [["30 registrations 5"]])
      }).pipe(Effect.provide(Layer.fresh(ActivityCounts.layerNoDeps).pipe(Layer.provide(repo))))
    })
  })
})

/** The counts by measure, once the process has written them. */
const written = Effect.gen(function* () {
  yield* TestClock.adjust(writeInterval)
  yield* TestClock.withLive(waitUntil(Effect.map(stored, (rows) => rows.length > 0)))
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`select measure, sum(value)::int as value from activity_minutes group by 1 order by 1`
  return rows.map(({ measure, value }) => `${measure} ${value}`)
})

const noQuotas = Layer.succeed(Quotas, { claim: () => Effect.fail(new QuotasUnavailable()) })

describe("the activity that is counted", () => {
  it.layer(TestCore.layer())((it) => {
    it.effect("is registrations, and refused logins of known and unknown addresses", () =>
      Effect.gen(function* () {
        const { email } = yield* TestCore.register
        yield* TestCore.register
        const login = (address: Email, password: Redacted.Redacted<string>) =>
          Logins.use((logins) => logins.login({ email: address, password, deviceName: "" })).pipe(
            Effect.provideService(CurrentOrigin, { ip: "192.0.2.1", network: "192.0.2.1", userAgent: "" })
          )
        yield* login(email, TestCore.password)
        yield* Effect.flip(login(email, Redacted.make("not the password")))
        yield* Effect.flip(login(TestCore.freshEmail(), TestCore.password))
        assert.deepStrictEqual(yield* written, ["refused_logins 2", "registrations 2"])
      })
    )
  })

  const oneAnAccount = { loginAccount: Option.some({ name: "login-account", limit: 1, window: Duration.hours(1) }) }
  it.layer(TestCore.layer({ limits: oneAnAccount }))((it) => {
    it.effect("has logins over a limit, and refusals of the console", () =>
      Effect.gen(function* () {
        const [limited, user] = [yield* TestCore.register, yield* TestCore.register]
        const credentials = (email: Email) => ({ email, password: TestCore.password, deviceName: "" })
        const { login, loginStaff } = yield* Logins
        yield* clear
        const wrong = { ...credentials(limited.email), password: Redacted.make("not the password") }
        assert.strictEqual(yield* TestCore.tagOf(login(wrong)), "InvalidCredentials")
        assert.strictEqual(yield* TestCore.tagOf(login(wrong)), "RateLimited")
        assert.strictEqual(yield* TestCore.tagOf(loginStaff(credentials(user.email))), "InvalidCredentials")
        assert.include(yield* written, "refused_logins 3")
      })
    )
  })

  it.layer(layerOver(TestDatabase.layerPgLite, Quotas.layerMemory))((it) => {
    it.effect("is deliveries that were allowed and that reached a status, each once", () =>
      Effect.gen(function* () {
        const [user, capped] = [yield* somebody(), yield* somebody({ preferences: { frequency_limit: 0 } })]
        const [first, second] = [freshId(), freshId()]
        yield* resolve(
          mail(user, { notificationId: first }),
          mail(user, { notificationId: second }),
          mail(capped, { notificationId: freshId() })
        )
        yield* resolve(mail(user, { notificationId: first }))
        yield* report(
          { notificationId: first, status: "sent" },
          { notificationId: first, status: "delivered" },
          { notificationId: second, status: "failed" },
          { notificationId: freshId(), status: "sent" }
        )
        yield* report({ notificationId: first, status: "sent" }, { notificationId: first, status: "opened" })
        assert.deepStrictEqual(yield* written, [
          "deliveries_delivered 1",
          "deliveries_failed 1",
          "deliveries_opened 1",
          "deliveries_pending 2",
          "deliveries_sent 1"
        ])
      })
    )
  })

  it.layer(layerOver(TestDatabase.layerPgLite, noQuotas))((it) => {
    it.effect("is deliveries that were resolved with locks, since the counts of the quota were unavailable", () =>
      Effect.gen(function* () {
        yield* clear
        const user = yield* somebody({ preferences: { frequency_limit: 1 } })
        yield* resolve(mail(user, { notificationId: freshId() }), mail(user, { notificationId: freshId() }))
        assert.deepStrictEqual(yield* written, ["deliveries_pending 1"])
      })
    )
  })
})
