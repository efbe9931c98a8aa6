import { assert, describe, it } from "@effect/vitest"
import { Changes } from "@user-service/core/changes/Changes"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { StaffMails } from "@user-service/core/recovery/StaffMails"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Invitations } from "@user-service/core/staff/Invitations"
import { StaffDeadLetters } from "@user-service/core/staff/StaffDeadLetters"
import { Suppressions } from "@user-service/core/staff/Suppressions"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DeadLetterId } from "@user-service/domain/DeadLetter"
import { DeviceToken } from "@user-service/domain/PushToken"
import type { Role } from "@user-service/domain/Role"
import type { ServiceAct } from "@user-service/domain/StaffRules"
import type { UserId } from "@user-service/domain/User"
import { Deferred, Effect, Fiber, Option, Schedule } from "effect"
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

/** Each act that concerns no account. Without a refusal, those on dead letters find none. */
const makeServiceActs = Effect.gen(function* () {
  const allSessions = yield* AllSessions
  const invitations = yield* Invitations
  const deadLetters = yield* StaffDeadLetters
  const letter = DeadLetterId.make(randomUUID())
  const acts: Readonly<Record<ServiceAct, Effect.Effect<unknown, { readonly _tag: string }>>> = {
    invite: invitations.invite({
      email: freshEmail(),
      username: Option.none(),
      firstName: "",
      lastName: "",
      phoneNumber: null
    }),
    replay_dead_letter: deadLetters.requestReplay(letter),
    discard_dead_letter: deadLetters.discard(letter),
    end_all_sessions: allSessions.end
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

/** Sets the role in a transaction that commits when `meanwhile`, which runs beside it, waits for its lock. */
const setRoleDuring = Effect.fnUntraced(function* <A, E, R>(
  userId: UserId,
  role: Role | null,
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
          const refusal = yield* setRoleDuring(user.userId, "viewer", tagOf(as(support)(act(user))))
          assert.strictEqual(refusal, "RoleTooLow", name)
          assert.deepStrictEqual(yield* traceOf(user.userId), before, name)
        }
      })
    )

    it.effect("is refused if they lose their own role while it waits for their own lock, and changes nothing", () =>
      Effect.gen(function* () {
        for (const [name, act] of Object.entries(yield* makeActs)) {
          const support = yield* registerStaff("support")
          const user = yield* target
          const before = yield* traceOf(user.userId)
          assert.strictEqual(
            yield* setRoleDuring(support.userId, null, tagOf(as(support)(act(user)))),
            "RoleTooLow",
            name
          )
          assert.deepStrictEqual(yield* traceOf(user.userId), before, name)
        }
      })
    )

    it.effect("that concerns no account is refused if they lose their role while it waits for their lock", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const state = sql`
          select (select count(*) from users) as users, (select count(*) from audit_log) as audited,
            (select count(*) from outbox) as events, (select count(*) from mail_outbox) as mails`
        for (const [name, act] of Object.entries(yield* makeServiceActs)) {
          const admin = yield* registerStaff("admin")
          const before = yield* state
          assert.strictEqual(yield* setRoleDuring(admin.userId, "viewer", tagOf(as(admin)(act))), "RoleTooLow", name)
          assert.deepStrictEqual(yield* state, before, name)
        }
      })
    )

    it.effect("holds up no other act of theirs", () =>
      Effect.gen(function* () {
        const profiles = yield* Profiles
        const changes = yield* Changes
        const support = yield* registerStaff("support")
        const [slow, quick] = [yield* target, yield* target]
        const [isLocked, commit] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const body = Deferred.succeed(isLocked, undefined).pipe(
          Effect.andThen(Deferred.await(commit)),
          Effect.as({ result: undefined, events: [], audit: [] })
        )
        const change = yield* Effect.forkChild(as(support)(changes.change(slow.userId, body)))
        yield* Deferred.await(isLocked)
        yield* as(support)(profiles.updateByStaff(quick.userId, { phoneNumber: null }))
        yield* Deferred.succeed(commit, undefined)
        yield* Fiber.join(change)
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
