import { assert, describe, it } from "@effect/vitest"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { StaffMails } from "@user-service/core/recovery/StaffMails"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Suppressions } from "@user-service/core/staff/Suppressions"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DeviceToken } from "@user-service/domain/PushToken"
import type { Role } from "@user-service/domain/Role"
import type { UserId } from "@user-service/domain/User"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { freshEmail, layer, register, tagOf } from "../TestCore.ts"
import { as, registerStaff } from "./Staff.ts"

const databaseUrl = inject("databaseUrl")

/** A user with all that staff act on. */
const target = Effect.gen(function* () {
  const owner = yield* register
  const { register: registerToken } = yield* PushTokens
  const registration = { token: DeviceToken.make(randomUUID()), platform: "ios" } as const
  const { token } = yield* registerToken(owner, registration)
  return { ...owner, tokenId: token.id }
})

type Target = Effect.Success<typeof target>

type Act = (user: Target) => Effect.Effect<unknown, { readonly _tag: string }>

/** Each act on a user, as the routes of staff run it. */
const makeActs = Effect.gen(function* () {
  const changes = yield* EmailChangeRequests
  const mails = yield* StaffMails
  const preferences = yield* Preferences
  const profiles = yield* Profiles
  const pushTokens = yield* PushTokens
  const sessions = yield* Sessions
  const states = yield* AccountStates
  const suppressions = yield* Suppressions
  const acts: Readonly<Record<string, Act>> = {
    profile: ({ userId }) => profiles.updateByStaff(userId, { phoneNumber: null }),
    preferences: ({ userId }) => preferences.update({ userId, patch: { emailMarketing: false } }),
    "push token": ({ tokenId, userId }) => pushTokens.remove(userId, tokenId, "admin"),
    session: ({ sessionId, userId }) => sessions.revoke(userId, sessionId, "admin"),
    sessions: ({ userId }) => sessions.logoutAll(userId, "admin"),
    suppressions: ({ userId }) => suppressions.lift(userId),
    "change of address": ({ userId }) => changes.requestByStaff(userId, freshEmail()),
    "password reset": ({ userId }) => mails.resetPassword(userId),
    verification: ({ userId }) => mails.verifyEmail(userId),
    state: ({ userId }) => states.disable(userId)
  }
  return acts
})

/** Waits until a transaction waits for a lock. */
const untilWaiting = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.repeat(
    sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    { until: (waiting) => waiting.length > 0, schedule: Schedule.spaced("10 millis") }
  )
})

/** Gives the role in a transaction that commits when `meanwhile`, which runs beside it, waits for its lock. */
const giveRoleDuring = Effect.fnUntraced(function* <A, E, R>(
  userId: UserId,
  role: Role,
  meanwhile: Effect.Effect<A, E, R>
) {
  const sql = yield* SqlClient.SqlClient
  const [isLocked, commit] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const change = yield* Effect.forkChild(
    sql.withTransaction(
      sql`update users set role = ${role} where id = ${userId}`.pipe(
        Effect.andThen(Deferred.succeed(isLocked, undefined)),
        Effect.andThen(Deferred.await(commit))
      )
    )
  )
  yield* Deferred.await(isLocked)
  const act = yield* Effect.forkChild(meanwhile)
  yield* untilWaiting
  yield* Deferred.succeed(commit, undefined)
  yield* Fiber.join(change)
  return yield* Fiber.join(act)
})

/** All that an act could change. */
const traceOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`
    select version, is_active, (select count(*) from audit_log where user_id = u.id) as audited,
      (select count(*) from outbox where user_id = u.id) as events,
      (select count(*) from mail_outbox where user_id = u.id) as mails,
      (select count(*) from one_time_tokens where user_id = u.id) as tokens,
      (select count(*) from push_tokens where user_id = u.id and is_active) as push_tokens,
      (select count(*) from sessions where user_id = u.id and revoked_at is null) as sessions
    from users u where id = ${userId}`
})

describe.skipIf(databaseUrl === "")("an act of support over PostgreSQL", () => {
  it.layer(layer({ database: TestDatabase.layerPostgres(databaseUrl) }), { excludeTestServices: true })((it) => {
    it.effect("is refused if the user gets a role while it waits for their lock, and changes nothing", () =>
      Effect.gen(function* () {
        const support = yield* registerStaff("support")
        for (const [name, act] of Object.entries(yield* makeActs)) {
          const user = yield* target
          const before = yield* traceOf(user.userId)
          const refusal = yield* giveRoleDuring(user.userId, "viewer", tagOf(as(support)(act(user))))
          assert.strictEqual(refusal, "RoleTooLow", name)
          assert.deepStrictEqual(yield* traceOf(user.userId), before, name)
        }
      })
    )

    it.effect("is refused once their own role is gone", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const support = yield* registerStaff("support")
        yield* sql`update users set role = null where id = ${support.userId}`
        for (const [name, act] of Object.entries(yield* makeActs)) {
          const user = yield* target
          const before = yield* traceOf(user.userId)
          assert.strictEqual(yield* tagOf(as(support)(act(user))), "RoleTooLow", name)
          assert.deepStrictEqual(yield* traceOf(user.userId), before, name)
        }
      })
    )
  })
})
