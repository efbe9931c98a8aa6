import { assert, describe, it } from "@effect/vitest"
import { Quotas, QuotasUnavailable } from "@user-service/cache/Quotas"
import { Deliveries, type DeliveryRequest } from "@user-service/core/deliveries/Deliveries"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { type Plan, Plans } from "@user-service/database/testing/Plans"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import type { StatusReport } from "@user-service/domain/Delivery"
import type { UserId } from "@user-service/domain/User"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { freshId, layerOver, mail, people, registerDevice, resolve } from "./TestDeliveries.ts"

const databaseUrl = inject("databaseUrl")

// How often quotas were asked: over Redis each time is one round trip.
let trips = 0

const quotas = Layer.effect(
  Quotas,
  Effect.map(Quotas, ({ claim }) => ({
    claim: (claims) =>
      Effect.suspend(() => {
        trips++
        return claim(claims)
      })
  }))
).pipe(Layer.provide(Quotas.layerMemory))

const noQuotas = Layer.succeed(Quotas, { claim: () => Effect.fail(new QuotasUnavailable()) })

// So many of everything, and twice as many deliveries.
const fill = Effect.fnUntraced(function* (users: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`set local statement_timeout = 0`
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    select gen_random_uuid(), n || '@example.org', n, '', now(), now() from generate_series(1, ${users}::int) n`
  yield* sql`
    insert into profiles (id, user_id, created_at, updated_at) select gen_random_uuid(), id, now(), now() from users`
  yield* sql`
    insert into notification_preferences (id, user_id, created_at, updated_at)
    select gen_random_uuid(), id, now(), now() from users`
  yield* sql`
    insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
    select gen_random_uuid(), id, id, sha256(id::text::bytea), 'ios', 'apns', now(), now(), now() from users`
  yield* sql`
    insert into suppressions (user_id, email, reason, created_at) select id, email, 'complaint', now() from users`
  yield* sql`
    insert into deliveries (id, notification_id, place, user_id, channel, category, status, charged_on, is_charged,
      created_at, updated_at)
    select gen_random_uuid(), id || '-' || n, 0, id, 'email', 'system', 'sent', now(), true, now(), now()
    from users, generate_series(1, 2) n`
  yield* sql`
    insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at)
    select notification_id, user_id, channel, category, 'deny', 'user_inactive', created_at, created_at from deliveries`
  yield* sql`analyze`
})

const layerWith = (counting: Layer.Layer<Quotas>, users: number) => {
  const filled = Layer.effectDiscard(
    SqlClient.SqlClient.use((sql) => Effect.orDie(sql.withTransaction(fill(users))))
  ).pipe(Layer.provideMerge(TestDatabase.layerPostgres(databaseUrl)))
  return layerOver(Plans.layer.pipe(Layer.provide(filled)), counting)
}

// So many that the planner takes an index where there is one to take.
const layerLarge = (counting: Layer.Layer<Quotas>) => layerWith(counting, 20_000)

const passing = <A, E>(operation: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    trips = 0
    const all = yield* Plans.use(({ of }) => of(operation))
    // The relay is woken by a fiber of its own, at times for several changes at once.
    const plans = all.filter(({ statement }) => !statement.includes("pg_notify"))
    return { statements: plans.filter((plan) => plan.isGeneric).length, trips, plans }
  })

/** Requests of every kind that leave something behind, two for each user. */
const requestsOf = (users: ReadonlyArray<UserId>): ReadonlyArray<DeliveryRequest> =>
  users.flatMap((user) => [mail(user, { notificationId: freshId() }), mail(user, { channel: "push" })])

/** Named requests that are denied, two for each user, who has no device. */
const deniedRequestsOf = (users: ReadonlyArray<UserId>): ReadonlyArray<DeliveryRequest> =>
  users.flatMap((user) => [
    mail(user, { notificationId: freshId(), channel: "push" }),
    mail(user, { notificationId: freshId(), channel: "push", category: "security" })
  ])

/** Reports of everything that changes more than a status, four for each user. */
const reportsOf = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>) {
  const resolved = yield* resolve(...users.map((user) => mail(user)))
  return yield* Effect.forEach(resolved, ({ notificationId, userId }) =>
    Effect.map(registerDevice(userId), ({ token }): ReadonlyArray<StatusReport> => {
      const gone = { errorCode: "UNREGISTERED", pushToken: token }
      return [
        { notificationId, status: "failed" },
        { notificationId, status: "bounced", bounceType: "hard" },
        { notificationId: freshId(), status: "failed", userId, ...gone },
        { notificationId: freshId(), status: "failed", ...gone }
      ]
    })
  )
})

describe.skipIf(databaseUrl === "")("the cost in statements and round trips on a large database", () => {
  it.layer(layerLarge(quotas), { excludeTestServices: true })("counting in Redis", (it) => {
    it.effect("500 recipients take as many statements as one, and one recipient is found by indexes", () =>
      Effect.gen(function* () {
        const users = yield* people(501)
        yield* Effect.forEach(users, (user) => registerDevice(user))
        const { resolve } = yield* Deliveries
        const one = yield* passing(resolve(requestsOf(users.slice(0, 1))))
        const many = yield* passing(resolve(requestsOf(users.slice(1))))
        assert.deepStrictEqual([one.statements, one.trips], [5, 2])
        assert.deepStrictEqual([many.statements, many.trips], [5, 2])
        assert.deepStrictEqual(scansOf(one.plans), [])
        // Once the days are counted, less is asked.
        yield* resolve(requestsOf(users))
        const again = yield* passing(resolve(requestsOf(users)))
        assert.deepStrictEqual([again.statements, again.trips], [4, 1])
      })
    )

    it.effect("decisions are recorded in the statement that records allowed deliveries, and found by indexes", () =>
      Effect.gen(function* () {
        const users = yield* people(1002)
        const { resolve } = yield* Deliveries
        const mixed = (some: ReadonlyArray<UserId>) => [...deniedRequestsOf(some), ...some.map((user) => mail(user))]
        const one = yield* passing(resolve(mixed(users.slice(0, 1))))
        const many = yield* passing(resolve(mixed(users.slice(1, 501))))
        assert.deepStrictEqual([one.statements, one.trips], [5, 2])
        assert.deepStrictEqual([many.statements, many.trips], [5, 2])
        assert.deepStrictEqual(scansOf(one.plans), [])
        const denied = yield* passing(resolve(deniedRequestsOf(users.slice(501, 502))))
        const deniedMany = yield* passing(resolve(deniedRequestsOf(users.slice(502))))
        assert.deepStrictEqual([denied.statements, denied.trips], [4, 0])
        assert.deepStrictEqual([deniedMany.statements, deniedMany.trips], [4, 0])
        assert.deepStrictEqual(scansOf(denied.plans), [])
      })
    )

    it.effect("reports of 200 users take as many statements as those of one, which are found by indexes", () =>
      Effect.gen(function* () {
        const { report } = yield* DeliveryStatuses
        const users = yield* people(201)
        const reports = yield* reportsOf(users)
        const one = yield* passing(report(reports[0] ?? []))
        const many = yield* passing(report(reports.slice(1).flat()))
        assert.strictEqual(many.statements, one.statements)
        assert.isAtMost(many.statements, 13)
        assert.deepStrictEqual(scansOf(one.plans), [])
        const [first] = yield* resolve(mail((yield* people(1))[0]))
        const plain = yield* passing(report([{ notificationId: first?.notificationId ?? freshId(), status: "sent" }]))
        assert.strictEqual(plain.statements, 4)
      })
    )

    it.effect("a page of a user's deliveries is found by an index with every combination of filters", () =>
      Effect.gen(function* () {
        const { page } = yield* Deliveries
        const [user] = yield* people(1)
        for (const filter of [
          {},
          { channel: "push" },
          { status: "sent" },
          { channel: "email", status: "failed" }
        ] as const) {
          const { plans, statements } = yield* passing(page(user, filter, { page: 2, limit: 10 }))
          assert.deepStrictEqual([statements, scansOf(plans)], [2, []])
        }
      })
    )
  })

  it.layer(layerLarge(noQuotas), { excludeTestServices: true })("counting in PostgreSQL", (it) => {
    it.effect("500 recipients take as many statements as one, and one recipient is found by indexes", () =>
      Effect.gen(function* () {
        const users = yield* people(501)
        yield* Effect.forEach(users, (user) => registerDevice(user))
        const { resolve } = yield* Deliveries
        const one = yield* passing(resolve(requestsOf(users.slice(0, 1))))
        const many = yield* passing(resolve(requestsOf(users.slice(1))))
        assert.strictEqual(one.statements, 10)
        assert.strictEqual(many.statements, 10)
        assert.deepStrictEqual(scansOf(one.plans), [])
      })
    )
  })
})

describe.skipIf(databaseUrl === "")("on a small database", () => {
  it.layer(layerWith(quotas, 2000), { excludeTestServices: true })((it) => {
    it.effect(
      "no table is scanned completely for one recipient, although the planner would do so for its default estimate of rows",
      () =>
        Effect.gen(function* () {
          const [user] = yield* people(1)
          yield* registerDevice(user)
          const { resolve } = yield* Deliveries
          const { plans } = yield* passing(resolve(requestsOf([user])))
          const reads = plans.filter(({ statement }) => statement.startsWith("select"))
          assert.strictEqual(new Set(reads.map(({ statement }) => statement)).size, 4)
          assert.deepStrictEqual(scansOf(reads), [])
        })
    )
  })
})

const scansOf = (plans: ReadonlyArray<Plan>) =>
  plans.flatMap(({ scans, statement }) => scans.map((scan) => `${scan}: ${statement}`))
